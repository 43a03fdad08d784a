metadata description = 'Gemma 2 on Azure: a container app with a serverless GPU that queues and requests wake, its storage, registry, logs and alerts.'

targetScope = 'resourceGroup'

import { gpu as gpuKind, host as hostKind, serviceSettings, tagSet } from 'modules/types.bicep'

@description('Where everything is made. The region must have the GPU as a serverless one, and the subscription quota for it.')
param location string = resourceGroup().location

@description('A name for this deployment. With the resource group it decides all other names: the same two always give the same ones.')
@minLength(2)
@maxLength(20)
param environmentName string

@description('Who runs the app: "functions" is the Azure Functions host, "containerapp" the app by itself, for owners of the whole driver stack.')
param host hostKind = 'functions'

@description('The GPU of each replica. "none" computes on the CPU, for trials with a tiny model.')
param gpu gpuKind

@description('How far to go: "foundation" is all but the app (the registry has no image yet), "first" adds the app with the scale rules that the platform derives, "complete" sets our own, which a Functions app takes only once it exists.')
param stage 'foundation' | 'first' | 'complete' = 'complete'

@description('The image\'s name in the registry.')
@minLength(1)
@maxLength(100)
param imageName string = host == 'functions' ? 'gemma2-functions' : 'gemma2-app'

@description('The image\'s tag. It has no default: what runs is said, and a rollback is this tag set back.')
@minLength(1)
@maxLength(128)
param imageTag string

@description('The model to serve: its name in the container models.')
@minLength(1)
@maxLength(64)
param model string

@description('The keys that clients may send, separated by commas: KEY or NAME=KEY. Empty only where settings.allowAnonymous is true.')
@secure()
param apiKeys string

@description('What callbacks of jobs are signed with: whsec_ and base64 of 24 to 64 bytes. Needed where settings.callbackHosts names a host.')
@secure()
param callbackSecret string = ''

@description('The service\'s other settings.')
param settings serviceSettings = {}

@description('Where the container finds a user-space GPU driver that the platform does not bring: a path or an https address, with {version} for the driver\'s. A blob of the storage account needs no signature.')
@maxLength(2048)
param gpuDriverSource string = ''

@description('SHA-256 of that driver\'s archive, or of several, separated by commas. An address needs one.')
@maxLength(1024)
param gpuDriverSha256 string = ''

@description('Replicas that always run, each paid for; 0 lets the app sleep.')
@minValue(0)
@maxValue(100)
param minReplicas int = 0

@description('Replicas that run at most: the bound of what an hour can cost.')
@minValue(1)
@maxValue(100)
param maxReplicas int = 2

@description('Messages in the job queue for each replica; more of them start another replica.')
@minValue(1)
@maxValue(1000)
param jobsPerReplica int = 4

@description('HTTP requests in hand for each replica; more of them start another replica.')
@minValue(1)
@maxValue(1000)
param requestsPerReplica int = 8

@description('Minutes within which a replica must have loaded its model. Give it twice what the model needs.')
@minValue(1)
@maxValue(60)
param startupMinutes int = 20

@description('Whether the app is reached from the internet, or only from inside its Container Apps environment.')
param isPublic bool = true

@description('How the storage account\'s data is replicated.')
param storageSku 'Standard_LRS' | 'Standard_ZRS' | 'Standard_GRS' | 'Standard_GZRS' = 'Standard_LRS'

@description('Premium allows artifact streaming, which shortens a cold start.')
param registrySku 'Basic' | 'Standard' | 'Premium' = 'Basic'

@description('Days after which requests, results, files and ended batches are deleted; 0 keeps them.')
@minValue(0)
@maxValue(3650)
param retentionDays int = 30

@description('Days for which deleted blobs and containers can be restored. Each overwritten blob counts as a deleted one.')
@minValue(1)
@maxValue(365)
param softDeleteDays int = 7

@description('Days for which logs are kept.')
@minValue(30)
@maxValue(730)
param logRetentionDays int = 30

@description('Who pushes models and submits jobs past the app: object id of the person or pipeline. Empty gives nobody but the app access.')
@maxLength(36)
param deployerPrincipalId string = ''

@description('What kind of principal the deployer is.')
param deployerPrincipalType 'User' | 'Group' | 'ServicePrincipal' = 'User'

@description('Who gets the alerts by mail; none shows them in the portal alone.')
@maxLength(10)
param alertEmails string[] = []

@description('Minutes that a message may wait before an alert.')
@minValue(5)
@maxValue(720)
param oldestMessageMinutes int = 30

@description('Minutes that a replica may take until its model is loaded before an alert.')
@minValue(1)
@maxValue(55)
param slowStartMinutes int = 10

@description('Puts the app into a virtual network of its own, in which it reaches storage through private endpoints.')
param isPrivate bool = false

@description('The virtual network\'s addresses: a range of at least /22.')
@minLength(9)
@maxLength(18)
param addressPrefix string = '10.20.0.0/22'

@description('Public IPv4 addresses or CIDR ranges that may reach a private storage account, such as the address that pushes models.')
@maxLength(50)
param allowedIpRanges string[] = []

@description('A budget for the resource group: mails at half of it, all of it, and when more is forecast. It stops nothing.')
param budget {
  @description('The sum for a month, in the subscription\'s currency.')
  @minValue(1)
  amount: int

  @description('The first day of the first month, as 2026-12-01. It cannot change later.')
  @minLength(10)
  @maxLength(10)
  startDate: string

  @description('Who gets the mails.')
  @minLength(1)
  @maxLength(50)
  emails: string[]
}?

@description('More tags for every resource.')
param tags tagSet = {}

var suffix = uniqueString(resourceGroup().id, environmentName)
var allTags = { 'azd-env-name': environmentName, ...tags }
var hasApp = stage != 'foundation'
var isFunctionsHost = host == 'functions'
var appName = '${isFunctionsHost ? 'func' : 'ca'}-gemma2-${suffix}'
// Without keys the app refuses to start in a container: better to hear of it now.
var checkedApiKeys = empty(apiKeys) && settings.?allowAnonymous != true
  ? fail('apiKeys is empty. Give at least one key, or set settings.allowAnonymous where something in front of the app checks who sends requests.')
  : apiKeys
// A receiver that cannot check who calls is open to everyone.
var checkedCallbackSecret = empty(callbackSecret) && !empty(settings.?callbackHosts)
  ? fail('callbackSecret is empty, and settings.callbackHosts names hosts: callbacks are signed.')
  : callbackSecret
var checkedMaxReplicas = minReplicas > maxReplicas
  ? fail('minReplicas is ${minReplicas}, more than maxReplicas, which is ${maxReplicas}.')
  : maxReplicas
var applicationInsightsName = 'appi-gemma2-${suffix}'
var identityName = 'id-gemma2-${suffix}'
var registryName = 'crgemma2${suffix}'
var storageAccountName = 'stgemma2${suffix}'

module identity 'modules/identity.bicep' = {
  params: {
    location: location
    name: identityName
    tags: allTags
  }
}

module monitoring 'modules/monitoring.bicep' = {
  params: {
    location: location
    workspaceName: 'log-gemma2-${suffix}'
    applicationInsightsName: applicationInsightsName
    tags: allTags
    retentionDays: logRetentionDays
  }
}

module storage 'modules/storage.bicep' = {
  params: {
    location: location
    name: storageAccountName
    tags: allTags
    sku: storageSku
    retentionDays: retentionDays
    softDeleteDays: softDeleteDays
    isPrivate: isPrivate
    allowedIpRanges: allowedIpRanges
    workspaceId: monitoring.outputs.workspaceId
  }
}

module registry 'modules/registry.bicep' = {
  params: {
    location: location
    name: registryName
    tags: allTags
    sku: registrySku
  }
}

module access 'modules/access.bicep' = {
  dependsOn: [identity, monitoring, registry, storage]
  params: {
    identityName: identityName
    deployerPrincipalId: deployerPrincipalId
    deployerPrincipalType: deployerPrincipalType
    storageAccountName: storageAccountName
    registryName: registryName
    applicationInsightsName: applicationInsightsName
    isFunctionsHost: isFunctionsHost
  }
}

module network 'modules/network.bicep' = if (isPrivate) {
  params: {
    location: location
    name: 'vnet-gemma2-${suffix}'
    tags: allTags
    addressPrefix: addressPrefix
  }
}

module privateEndpoints 'modules/private-endpoints.bicep' = if (isPrivate) {
  params: {
    location: location
    tags: allTags
    storageAccountName: storageAccountName
    storageAccountId: storage.outputs.id
    networkId: network!.outputs.id
    subnetId: network!.outputs.endpointsSubnetId
  }
}

module environment 'modules/environment.bicep' = {
  params: {
    location: location
    name: 'cae-gemma2-${suffix}'
    tags: allTags
    gpu: gpu
    subnetId: isPrivate ? network!.outputs.appsSubnetId : null
    workspaceId: monitoring.outputs.workspaceId
  }
}

module app 'modules/app.bicep' = if (hasApp) {
  // A replica that starts before its roles are in force cannot pull its image; one without a way to storage cannot load its model.
  dependsOn: [access, privateEndpoints]
  params: {
    location: location
    name: appName
    tags: allTags
    host: host
    gpu: gpu
    environmentId: environment.outputs.id
    image: '${registry.outputs.loginServer}/${imageName}:${imageTag}'
    registryLoginServer: registry.outputs.loginServer
    identityId: identity.outputs.id
    identityClientId: identity.outputs.clientId
    storageAccountName: storageAccountName
    queueNames: storage.outputs.queueNames
    applicationInsightsConnectionString: monitoring.outputs.applicationInsightsConnectionString
    model: model
    settings: settings
    callbackSecret: checkedCallbackSecret
    retentionDays: retentionDays
    apiKeys: checkedApiKeys
    gpuDriverSource: gpuDriverSource
    gpuDriverSha256: gpuDriverSha256
    minReplicas: minReplicas
    maxReplicas: checkedMaxReplicas
    jobsPerReplica: jobsPerReplica
    requestsPerReplica: requestsPerReplica
    startupMinutes: startupMinutes
    isPublic: isPublic
    ownScaleRules: stage == 'complete'
  }
}

module alerts 'modules/alerts.bicep' = if (hasApp) {
  params: {
    location: location
    tags: allTags
    namePrefix: appName
    emails: alertEmails
    workspaceId: monitoring.outputs.workspaceId
    appName: app!.outputs.name
    appId: app!.outputs.id
    oldestMessageMinutes: oldestMessageMinutes
    slowStartMinutes: slowStartMinutes
  }
}

module costs 'modules/budget.bicep' = if (budget != null) {
  params: {
    amount: budget!.amount
    startDate: budget!.startDate
    emails: budget!.emails
  }
}

@description('Where the app answers; empty before it exists.')
output endpoint string = hasApp ? app!.outputs.endpoint : ''

@description('The app\'s name where the Functions host runs it, else empty.')
output functionAppName string = isFunctionsHost ? appName : ''

@description('The app\'s name where it runs by itself, else empty.')
output containerAppName string = isFunctionsHost ? '' : appName

@description('The storage account, for gemma2 push.')
output storageAccountName string = storageAccountName

@description('Where the image is pushed to.')
output registryLoginServer string = registry.outputs.loginServer

@description('The registry\'s name, for az acr.')
output registryName string = registryName

@description('The image\'s name in the registry.')
output imageName string = imageName

@description('The resource group.')
output resourceGroupName string = resourceGroup().name
