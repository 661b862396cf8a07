import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { API_GROUPS, loadEnv, RUNTIME_GROUPS } from '@semibot/config'
import { findProgram, REPOSITORY_ROOT } from '@semibot/stack'
import t from 'tap'
import { parseAllDocuments } from 'yaml'
import { prometheusRuleText } from '../src/k8s/prometheus-rule.ts'
import { type Manifest, renderKustomization } from '../src/k8s/render.ts'
import { schemaProblems, strictProblems } from '../src/k8s/validate.ts'

const FOLDERS = ['overlays/production', 'migrate'].map((name) => join(REPOSITORY_ROOT, 'infra/k8s', name))
const DRAFTS = join(REPOSITORY_ROOT, 'infra/.tap/k8s')
const manifests = FOLDERS.flatMap(renderKustomization)
// biome-ignore lint/suspicious/noExplicitAny: the first test judges the types of manifests
type Loose = any
const find = (kind: string, name: string): Loose =>
  manifests.find((manifest) => manifest.kind === kind && manifest.metadata.name === name)
const DEPLOYMENTS = ['api', 'runtime']

t.test('every object fits the schema of its kind', async (t) => {
  for (const manifest of manifests) {
    t.strictSame(await schemaProblems(manifest), [], `${manifest.kind} ${manifest.metadata.name}`)
  }
  t.strictSame(strictProblems(manifests, DRAFTS), [], 'no field that its kind does not have')
  const broken = structuredClone(find('Deployment', 'api'))
  const misspelt = structuredClone(broken)
  misspelt.spec.template.spec.contaners = []
  broken.spec.template.spec.restartPolicy = 'Sometimes'
  const said = strictProblems([misspelt, broken], DRAFTS)
  t.equal(said.length, 2)
  t.match(said, [/contaners/, /Sometimes/], 'a misspelt field and a value that does not exist are found')
  broken.spec.replicas = 'two'
  t.match(await schemaProblems(broken), [/replicas/], 'a wrong type is found')
})

const kubectl = await findProgram('kubectl')
if (kubectl) {
  t.test('kubectl renders the same objects', async (t) => {
    for (const folder of FOLDERS) {
      const text = execFileSync(kubectl, ['kustomize', folder], { encoding: 'utf8' })
      const key = ({ kind, metadata }: Manifest): string => `${kind}/${metadata.name}`
      const sort = (list: Manifest[]): Manifest[] => list.sort((a, b) => (key(a) < key(b) ? -1 : 1))
      const theirs = parseAllDocuments(text).map((document) => document.toJS() as Manifest)
      t.strictSame(sort(renderKustomization(folder)), sort(theirs), folder)
    }
  })
}

t.test('the renderer refuses what it does not understand', async (t) => {
  const folder = t.testdir({
    unknown: { 'kustomization.yaml': 'namePrefix: a-\n' },
    operation: {
      'kustomization.yaml':
        'resources: [a.yaml]\npatches:\n  - target: { kind: ConfigMap }\n    patch: |\n      - { op: test, path: /data, value: 1 }\n',
      'a.yaml': 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: a }\ndata: {}\n'
    },
    target: { 'kustomization.yaml': 'patches:\n  - target: { kind: Pod }\n    patch: "[]"\n' }
  })
  t.throws(() => renderKustomization(`${folder}/unknown`), /does not know "namePrefix"/)
  t.throws(() => renderKustomization(`${folder}/operation`), /does not know the operation "test"/)
  t.throws(() => renderKustomization(`${folder}/target`), /no object for the patch/)
})

t.test('a pod ends after its last execution', async (t) => {
  const { RUNTIME_EXECUTION_TIMEOUT_MS, SHUTDOWN_GRACE_MS } = find('ConfigMap', 'semibot').data
  t.ok(Number(SHUTDOWN_GRACE_MS) >= Number(RUNTIME_EXECUTION_TIMEOUT_MS))
  for (const name of DEPLOYMENTS) {
    const { spec } = find('Deployment', name).spec.template
    const [{ lifecycle, readinessProbe, livenessProbe }] = spec.containers
    const { seconds } = lifecycle.preStop.sleep
    const forgottenSeconds = readinessProbe.periodSeconds * readinessProbe.failureThreshold
    t.ok(seconds >= forgottenSeconds, `${name} is called by nobody when it begins to end`)
    // 15 s: what the services themselves add to their grace.
    t.ok(spec.terminationGracePeriodSeconds >= seconds + Number(SHUTDOWN_GRACE_MS) / 1000 + 15, `${name} is not killed`)
    t.equal(readinessProbe.httpGet.path, '/ready')
    t.equal(livenessProbe.httpGet.path, '/health', 'a drain is no reason to be killed')
    t.match(find('Deployment', name).spec.strategy.rollingUpdate, { maxUnavailable: 0, maxSurge: 1 })
    t.equal(find('PodDisruptionBudget', name).spec.maxUnavailable, 1)
    t.strictSame(
      spec.topologySpreadConstraints.map((item: { topologyKey: string }) => item.topologyKey),
      ['topology.kubernetes.io/zone', 'kubernetes.io/hostname']
    )
  }
})

t.test('pods have the sizes of the capacity plan, and may do nothing else', async (t) => {
  const pods = manifests.flatMap(
    (manifest: Loose) => manifest.spec?.template?.spec ?? manifest.spec?.jobTemplate?.spec.template.spec ?? []
  )
  t.equal(pods.length, 4)
  for (const pod of pods) {
    const [container] = pod.containers
    t.match(pod.securityContext, { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } }, container.name)
    t.match(container.securityContext, {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] }
    })
    t.equal(pod.automountServiceAccountToken, false)
    t.match(container.image, /^registry\.example\.com\/semibot\/\w+:\d+\.\d+\.\d+$/, 'the image has a version')
  }
  const resources = (name: string) => find('Deployment', name).spec.template.spec.containers[0].resources
  t.strictSame(resources('api'), { requests: { cpu: '2', memory: '4Gi' }, limits: { cpu: '2', memory: '4Gi' } })
  t.strictSame(resources('runtime'), { requests: { cpu: '4', memory: '8Gi' }, limits: { cpu: '4', memory: '8Gi' } })
})

t.test('secrets are only referred to', async (t) => {
  t.notOk(manifests.some(({ kind }) => kind === 'Secret'))
  for (const name of DEPLOYMENTS) {
    const [{ env }] = find('Deployment', name).spec.template.spec.containers
    for (const { name: key, value } of env)
      if (/URL|TOKEN|SECRET|KEY/.test(key)) t.equal(value, undefined, `${name} ${key}`)
  }
})

t.test('the services start with the settings that they get', async (t) => {
  const groups = { api: API_GROUPS, runtime: RUNTIME_GROUPS }
  for (const name of ['api', 'runtime'] as const) {
    const [{ env, envFrom }] = find('Deployment', name).spec.template.spec.containers
    const environment: Record<string, string> = { NODE_ENV: 'production', ENV_FILE: '/dev/null' }
    for (const { configMapRef } of envFrom) Object.assign(environment, find('ConfigMap', configMapRef.name).data)
    for (const { name: key, value } of env) {
      const url = { DATABASE_URL: 'postgres://semibot:x@db/semibot', REDIS_URL: 'redis://redis' }[key as string]
      environment[key] = value ?? url ?? randomBytes(32).toString('hex')
    }
    const known = new Set(groups[name].flatMap((group) => Object.keys(group.keys)))
    const strangers = Object.keys(environment).filter((key) => !known.has(key) && key !== 'ENV_FILE')
    t.strictSame(strangers, [], `${name} reads every key that it gets`)
    t.strictSame(loadEnv<typeof API_GROUPS | typeof RUNTIME_GROUPS>(groups[name], { environment }).warnings, [])
  }
})

t.test('more pods come with executions, CPU and memory, never with errors', async (t) => {
  const api = find('HorizontalPodAutoscaler', 'api').spec
  t.strictSame(
    api.metrics.map(({ resource }: Loose) => [resource.name, resource.target.averageUtilization]),
    [
      ['cpu', 70],
      ['memory', 80]
    ]
  )
  const { triggers, advanced } = find('ScaledObject', 'runtime').spec
  t.match(triggers, [
    { type: 'prometheus', metadata: { query: /^sum\(runtime_execution_in_flight/, threshold: '35' } },
    { type: 'cpu', metadata: { value: '70' } },
    { type: 'memory', metadata: { value: '80' } }
  ])
  t.equal(triggers.length, 3)
  t.notOk(find('HorizontalPodAutoscaler', 'runtime'), 'never two autoscalers for one deployment')
  t.notMatch(JSON.stringify([triggers, api.metrics]), /error|latency/)
  for (const { scaleDown } of [api.behavior, advanced.horizontalPodAutoscalerConfig.behavior]) {
    t.strictSame(scaleDown.policies, [{ type: 'Pods', value: 1, periodSeconds: 300 }], 'they go one by one')
  }
})

t.test('the name of the runtime stands for every instance', async (t) => {
  t.equal(find('Service', 'runtime').spec.clusterIP, 'None')
  t.equal(find('Service', 'runtime').spec.publishNotReadyAddresses, undefined)
  const [{ port }] = find('Service', 'runtime').spec.ports
  t.equal(find('ConfigMap', 'semibot-api').data.RUNTIME_SERVICE_URL, `http://runtime:${port}`)
})

t.test('only the api calls the runtime, and only what is allowed passes', async (t) => {
  t.match(find('NetworkPolicy', 'deny-all').spec, { podSelector: {}, policyTypes: ['Ingress', 'Egress'] })
  const [{ from }] = find('NetworkPolicy', 'runtime').spec.ingress
  t.strictSame(from, [
    { podSelector: { matchLabels: { 'app.kubernetes.io/name': 'api' } } },
    { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'monitoring' } } }
  ])
  const labels = manifests.flatMap(
    (manifest: Loose) =>
      manifest.spec?.template?.metadata.labels ?? manifest.spec?.jobTemplate?.spec.template.metadata.labels ?? []
  )
  for (const policy of manifests.filter(({ kind }) => kind === 'NetworkPolicy') as Loose[]) {
    const wanted = policy.spec.podSelector.matchLabels
    if (!wanted) continue
    const [[key, value]] = Object.entries(wanted) as [[string, string]]
    t.ok(
      labels.some((set: Loose) => set[key] === value),
      `${policy.metadata.name} is about a pod that exists`
    )
  }
})

t.test('Prometheus sees the names that rules and dashboards know', async (t) => {
  const jobs = ['api', 'runtime'].map((name) => {
    const { selector, endpoints } = find('ServiceMonitor', name).spec
    t.match(find('Service', name).metadata.labels, selector.matchLabels, `the monitor of ${name} finds its service`)
    t.equal(endpoints[0].port, find('Service', name).spec.ports[0].name)
    return endpoints[0].relabelings[0].replacement
  })
  t.strictSame(jobs, ['api', 'runtime-service'])
  const committed = readFileSync(join(REPOSITORY_ROOT, 'infra/k8s/base/prometheus-rule.yaml'), 'utf8')
  t.equal(
    committed,
    prometheusRuleText(),
    'the rules are those of infra/prometheus: node --conditions=@semibot/source infra/src/generate.ts'
  )
  const alerts = find('PrometheusRule', 'semibot').spec.groups.flatMap(({ rules }: Loose) =>
    rules.flatMap(({ alert }: Loose) => alert ?? [])
  )
  t.ok(
    ['RuntimeServiceDown', 'HighErrorRate', 'HighLatency', 'AutoFallbackTriggered'].every((name) =>
      alerts.includes(name)
    )
  )
})
