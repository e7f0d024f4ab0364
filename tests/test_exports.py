"""`__all__` says exactly what may be imported; its order is ruff's business."""

from __future__ import annotations

import importlib
import pkgutil

import pytest

import bedrock_gateway


def public_modules() -> list[str]:
    names = [module.name for module in pkgutil.walk_packages(bedrock_gateway.__path__, "bedrock_gateway.")]
    return [name for name in names if not any(part.startswith("_") for part in name.split(".")[1:])]


@pytest.mark.parametrize("name", ["bedrock_gateway", *public_modules()])
def test_everything_in_all_can_be_imported(name: str) -> None:
    if name.startswith("bedrock_gateway.local"):
        pytest.importorskip("moto")
    module = importlib.import_module(name)
    exported = getattr(module, "__all__", None)
    if exported is None:
        return
    assert len(exported) == len(set(exported))
    for item in exported:
        assert getattr(module, item) is not None


def test_the_package_exports_what_the_readme_names() -> None:
    assert {"AsyncGateway", "Gateway", "GatewayConfig", "GovernanceError", "GatewayError", "Timeouts"} <= set(
        bedrock_gateway.__all__
    )


def test_dir_lists_the_lazy_names() -> None:
    assert set(bedrock_gateway.__all__) <= set(dir(bedrock_gateway))


def test_a_name_that_does_not_exist_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="Gatewey"):
        bedrock_gateway.Gatewey  # noqa: B018
