metadata description = 'The app: one container with the GPU, run by the Functions host or by itself, that queues and requests wake from zero replicas.'

import { customDomain, gpu as gpuKind, host as hostKind, scaleRule, serviceSettings, tagSet } from 'types.bicep'

@description('Where it is made.')
param location string

@description('The app\'s name.')
@minLength(2)
@maxLength(32)
param name string

@description('Tags of every resource.')
param tags tagSet

@description('Who runs the app.')
param host hostKind

@description('The GPU of each replica.')
param gpu gpuKind

@description('The Container Apps environment.')
param environmentId string

@description('The image with its tag.')
param image string

@description('The registry that the image is pulled from.')
param registryLoginServer string

@description('The identity that the app runs as.')
param identityId string

@description('The identity\'s id for tokens.')
param identityClientId string

@description('The storage account.')
param storageAccountName string

@description('Where the Functions host sends telemetry. It names the component and opens nothing: the component takes no keys.')
param applicationInsightsConnectionString string

@description('The model to serve: its name in the container models.')
param model string

@description('The service\'s settings.')
param settings serviceSettings

@secure()
@description('The keys that clients may send; empty where something in front of the app checks who sends requests.')
param apiKeys string

@secure()
@description('What callbacks are signed with; empty where settings name no hosts for them.')
param callbackSecret string

@secure()
@description('The operator\'s key of /admin/reload; empty where there is none.')
param adminKey string

@description('Whether there is one.')
param hasAdminKey bool

@description('Days after which the app deletes files, batches, requests and results; 0 keeps them.')
param retentionDays int

@description('Where the user-space GPU driver comes from; empty when the platform brings one.')
param gpuDriverSource string

@description('SHA-256 of the driver\'s archive.')
param gpuDriverSha256 string

@description('Replicas that always run; 0 lets the app sleep.')
param minReplicas int

@description('Replicas that run at most.')
param maxReplicas int

@description('Names of the owner\'s that the app answers to.')
param customDomains customDomain[]

@description('What starts and ends replicas.')
param scaleRules scaleRule[]

@description('Minutes within which a replica must have loaded its model; later it is started anew.')
param startupMinutes int

@description('Whether the scale rules below are set on a Functions app too, instead of those that the platform derives from the triggers.')
param ownScaleRules bool

// Not 80, which a user who is not root may not open everywhere.
var port = 8080

// Tries that the platform's own start-up probe has; the pause between two follows from the time that is allowed.
var startupTries = 240

// The app gives the work in hand 25 seconds; the rest is for what is around it.
var secondsToStop = 60

// All that a replica of a profile has: the GPU belongs to one replica alone.
var replicaSizes = {
  T4: { workloadProfile: 'T4', cpu: 8, memory: '56Gi' }
  A100: { workloadProfile: 'A100', cpu: 24, memory: '220Gi' }
  none: { workloadProfile: 'Consumption', cpu: 4, memory: '8Gi' }
}
var size = replicaSizes[gpu]

var isFunctionsHost = host == 'functions'

var storageEnvironment = [
  { name: 'AzureWebJobsStorage__accountName', value: storageAccountName }
  { name: 'AzureWebJobsStorage__credential', value: 'managedidentity' }
  { name: 'AzureWebJobsStorage__clientId', value: identityClientId }
]

// Whether there is a secret is told by what is none: a secure value would make the whole list unknown to a preview.
var keySecrets = settings.?allowAnonymous == true ? [] : [{ name: 'api-keys', variable: 'Gemma2__ApiKeys', value: apiKeys }]
var callbackSecrets = empty(settings.?callbackHosts) ? [] : [{ name: 'callback-secret', variable: 'Gemma2__CallbackSecret', value: callbackSecret }]
var adminSecrets = hasAdminKey ? [{ name: 'admin-key', variable: 'Gemma2__AdminKey', value: adminKey }] : []
var secrets = [...keySecrets, ...callbackSecrets, ...adminSecrets]

var chosenSettings = filter(items(settings), setting => setting.value != null)

var serviceEnvironment = [
  { name: 'Gemma2__Model', value: model }
  { name: 'Gemma2__AllowSoftwareDevice', value: gpu == 'none' ? 'true' : 'false' }
  ...(retentionDays > 0 ? [{ name: 'Gemma2__RetentionDays', value: string(retentionDays) }] : [])
  ...map(secrets, secret => { name: secret.variable, secretRef: secret.name })
  ...map(chosenSettings, setting => {
    name: 'Gemma2__${toUpper(substring(setting.key, 0, 1))}${substring(setting.key, 1)}'
    value: string(setting.value)
  })
]

// Naming the capabilities replaces the platform's default, so all three are named. Vulkan is in 'graphics'.
var gpuEnvironment = gpu == 'none'
  ? []
  : filter(
      [
        { name: 'NVIDIA_DRIVER_CAPABILITIES', value: 'compute,utility,graphics' }
        { name: 'GPU_DRIVER_SOURCE', value: gpuDriverSource }
        { name: 'GPU_DRIVER_SHA256', value: gpuDriverSha256 }
      ],
      variable => !empty(variable.value)
    )

var functionsEnvironment = [
  { name: 'FUNCTIONS_EXTENSION_VERSION', value: '~4' }
  { name: 'FUNCTIONS_WORKER_RUNTIME', value: 'dotnet-isolated' }
  // The host's own keys, of which there are none: the app checks its own. Without this line the host keeps some in the storage account.
  { name: 'AzureWebJobsSecretStorageType', value: 'ContainerApps' }
  // The platform makes a scale rule of each trigger, timers included, until it takes our own: one that fires every minute would keep a GPU awake. Without it each process sweeps for itself.
  { name: 'AzureWebJobs__Sweep__Disabled', value: 'true' }
  { name: 'APPLICATIONINSIGHTS_CONNECTION_STRING', value: applicationInsightsConnectionString }
  { name: 'APPLICATIONINSIGHTS_AUTHENTICATION_STRING', value: 'Authorization=AAD;ClientId=${identityClientId}' }
]

var hasOwnRules = ownScaleRules || !isFunctionsHost

resource app 'Microsoft.App/containerApps@2026-07-01' = {
  name: name
  location: location
  tags: tags
  kind: isFunctionsHost ? 'functionapp' : null
  identity: { type: 'UserAssigned', userAssignedIdentities: { '${identityId}': {} } }
  properties: {
    environmentId: environmentId
    workloadProfileName: size.workloadProfile
    configuration: {
      activeRevisionsMode: 'Single'
      ingress: {
        // Out of its environment: to the internet, or to the network of an internal one.
        external: true
        targetPort: port
        transport: 'auto'
        allowInsecure: false
        customDomains: empty(customDomains) ? null : customDomains
        traffic: [{ latestRevision: true, weight: 100 }]
      }
      registries: [{ server: registryLoginServer, identity: identityId }]
      secrets: map(secrets, secret => { name: secret.name, value: secret.value })
    }
    template: {
      terminationGracePeriodSeconds: secondsToStop
      // The first container gets the GPU.
      containers: [
        {
          name: 'gemma2'
          image: image
          resources: { cpu: size.cpu, memory: size.memory }
          env: [
            { name: 'ASPNETCORE_URLS', value: 'http://+:${port}' }
            ...storageEnvironment
            ...serviceEnvironment
            ...gpuEnvironment
            ...(isFunctionsHost ? functionsEnvironment : [])
          ]
          probes: [
            {
              type: 'Startup'
              httpGet: { path: '/healthz', port: port }
              periodSeconds: (startupMinutes * 60 + startupTries - 1) / startupTries
              failureThreshold: startupTries
              timeoutSeconds: 5
            }
            {
              type: 'Readiness'
              httpGet: { path: '/healthz', port: port }
              periodSeconds: 10
              failureThreshold: 3
              timeoutSeconds: 5
            }
            {
              type: 'Liveness'
              httpGet: { path: '/healthz', port: port }
              periodSeconds: 30
              failureThreshold: 5
              timeoutSeconds: 10
            }
          ]
        }
      ]
      scale: {
        minReplicas: minReplicas
        maxReplicas: maxReplicas
        pollingInterval: 15
        cooldownPeriod: 300
        allowScalingRuleOverride: isFunctionsHost ? ownScaleRules : null
        rules: hasOwnRules ? scaleRules : []
      }
    }
  }
}

@description('The app\'s name.')
output name string = app.name

@description('The app\'s resource id.')
output id string = app.id

@description('Where the app answers.')
output endpoint string = 'https://${app.properties.configuration.ingress!.fqdn}'
