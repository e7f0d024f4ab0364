// The independent judge: @cloud-copilot/iam-simulate behind a pipe. One JSON case a line in, one verdict a line out.
// The library is AGPL-3.0: it is fetched for development only, is no part of the package, and shares nothing with it.
// usage: node judge.mjs FOLDER   (FOLDER holds node_modules)
import { createInterface } from 'node:readline'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const folder = process.argv[2]
const load = (...parts) => import(pathToFileURL(join(folder, 'node_modules', '@cloud-copilot', ...parts)).href)
const simulate = (...parts) => load('iam-simulate', 'dist', 'esm', ...parts)
const { authorize } = await simulate('core_engine', 'CoreSimulatorEngine.js')
const { AwsRequestImpl } = await simulate('request', 'request.js')
const { RequestContextImpl } = await simulate('requestContext.js')
const { DiscoveryContextKeyConstraints } = await simulate('context_keys', 'discoveryContextKeyConstraints.js')
const { loadPolicy } = await load('iam-policy', 'dist', 'esm', 'index.js')

const named = (policies, layer) =>
  (policies ?? []).map((policy, number) => loadPolicy(policy, { name: `${layer}/${number + 1}` }))

function statements(...analyses) {
  const found = {}
  for (const analysis of analyses) {
    if (!analysis) continue
    for (const one of [...analysis.allowStatements, ...analysis.denyStatements, ...analysis.unmatchedStatements]) {
      const matched = one.resourceMatch && one.actionMatch && one.conditionMatch === 'Match'
      const principal = one.principalMatch ?? 'Match'
      found[`${one.policyId}/${one.statement.index()}`] = matched && principal !== 'NoMatch' ? principal : 'NoMatch'
    }
  }
  return found
}

function judge({ request, layers }) {
  const resource = { resource: request.resource, accountId: request.resource_account }
  const result = authorize({
    request: new AwsRequestImpl(
      request.principal.arn, resource, request.action, new RequestContextImpl(request.context), request.resource === '*'
    ),
    identityPolicies: named(layers.identity, 'identity'),
    sessionPolicy: named(layers.session, 'session')[0],
    serviceControlPolicies: (layers.scp ?? []).map((level, number) => ({
      orgIdentifier: `level-${number + 1}`, policies: named(level, `scp-${number + 1}`)
    })),
    resourceControlPolicies: [],
    resourcePolicy: layers.resource ? named([layers.resource], 'resource')[0] : undefined,
    permissionBoundaries: layers.boundary ? named(layers.boundary, 'boundary') : undefined,
    vpcEndpointPolicies: undefined,
    simulationParameters: {
      simulationMode: 'Strict', discoveryContextKeyConstraints: new DiscoveryContextKeyConstraints([])
    },
    serviceSettings: { s3: {} }
  })
  return {
    result: result.result,
    statements: statements(
      result.identityAnalysis, result.sessionAnalysis, result.permissionBoundaryAnalysis, result.resourceAnalysis,
      ...(result.scpAnalysis?.ouAnalysis ?? [])
    )
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  let answer
  try {
    answer = judge(JSON.parse(line))
  } catch (error) {
    answer = { error: String(error?.stack ?? error) }
  }
  process.stdout.write(JSON.stringify(answer) + '\n')
}
