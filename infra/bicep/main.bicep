metadata description = 'Gemma 2 on Azure: a container app with a serverless GPU that queues and requests wake, its storage, registry, logs and alerts.'

targetScope = 'resourceGroup'

import { customDomain, gpu as gpuKind, host as hostKind, scaleRule, serviceSettings, tagSet } from 'modules/types.bicep'

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

@description('The operator\'s key of /admin/reload: 16 or more visible ASCII characters, none of apiKeys. Needed where hasAdminKey is true.')
@secure()
param adminKey string = ''

@description('Whether the app has the operator\'s key; without it /admin/reload is turned off.')
param hasAdminKey bool = false

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

@description('Whether the app is reached from the internet, or only from its virtual network and those that are connected to it.')
param isPublic bool = true

@description('Minutes that a request may wait without a byte, a cold start included. More than 4, the platform\'s own, need ingress nodes that are always paid for.')
@minValue(4)
@maxValue(30)
param requestIdleMinutes int = 4

@description('Names of yours that are bound to the app. A deployment takes away those that it does not name.')
@maxLength(20)
param customDomains customDomain[] = []

@description('How the storage account\'s data is replicated.')
param storageSku 'Standard_LRS' | 'Standard_ZRS' | 'Standard_GRS' | 'Standard_GZRS' = 'Standard_LRS'

@description('Premium allows artifact streaming, which shortens a cold start, and private endpoints.')
param registrySku 'Basic' | 'Standard' | 'Premium' = 'Basic'

@description('Days after which requests, results, responses, files and ended batches are deleted; 0 keeps them.')
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

@description('Gigabytes of logs a day; more are dropped until the next day, and alerts with them. 0 sets no limit.')
@minValue(0)
@maxValue(1000)
param logDailyCapGb int = 5

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

@description('Minutes that a replica may wait for its GPU before an alert.')
@minValue(5)
@maxValue(300)
param gpuWaitMinutes int = 15

@description('Seconds until the first token of an answer after which it counts as late; many late ones raise an alert.')
@minValue(1)
@maxValue(600)
param firstTokenSeconds int = 30

@description('Whether the app reaches storage through private endpoints in its virtual network, and nobody reaches it from elsewhere but allowedIpRanges.')
param isPrivate bool = false

@description('Whether the same holds for the registry. It must be Premium, and cannot build images itself then.')
param isRegistryPrivate bool = false

@description('Public IPv4 addresses or CIDR ranges that may reach private storage and a private registry, such as the address that pushes models and images.')
@maxLength(50)
param allowedIpRanges string[] = []

@description('A subnet of your own for the environment: its resource id. It is empty, of /27 or more, and delegated to Microsoft.App/environments. Empty makes a network where one is needed.')
@maxLength(500)
param appsSubnetId string = ''

@description('A subnet of your own for private endpoints: its resource id. Needed beside appsSubnetId where storage or the registry are private.')
@maxLength(500)
param endpointsSubnetId string = ''

@description('The addresses of a network that is made: a range of at least /22.')
@minLength(9)
@maxLength(18)
param addressPrefix string = '10.20.0.0/22'

@description('Whether private DNS zones are made and linked to the network. Without them their records are yours to make, as with zones in a hub.')
param makesDnsZones bool = true

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
var checkedAdminKey = empty(adminKey) && hasAdminKey ? fail('adminKey is empty, and hasAdminKey is true.') : adminKey
var checkedMaxReplicas = minReplicas > maxReplicas
  ? fail('minReplicas is ${minReplicas}, more than maxReplicas, which is ${maxReplicas}.')
  : maxReplicas
var checkedRegistrySku = isRegistryPrivate && registrySku != 'Premium'
  ? fail('registrySku is ${registrySku}, and isRegistryPrivate is true: private endpoints need Premium.')
  : registrySku
var needsEndpoints = isPrivate || isRegistryPrivate
var wrongSubnetId = first(filter([appsSubnetId, endpointsSubnetId], id => !empty(id) && !contains(id, '/subnets/')))
var checkedAppsSubnetId = wrongSubnetId != null
  ? fail('${wrongSubnetId} is no subnet\'s resource id, which ends in /virtualNetworks/NETWORK/subnets/SUBNET.')
  : empty(appsSubnetId) && !empty(endpointsSubnetId)
      ? fail('endpointsSubnetId names a subnet and appsSubnetId none: give both or neither.')
      : !empty(appsSubnetId) && empty(endpointsSubnetId) && needsEndpoints
          ? fail('appsSubnetId names a subnet of your own, and endpointsSubnetId none: the endpoints of private storage or a private registry need one.')
          : appsSubnetId
var makesNetwork = empty(checkedAppsSubnetId) && (needsEndpoints || !isPublic)
var usesNetwork = makesNetwork || !empty(checkedAppsSubnetId)
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
    dailyCapGb: logDailyCapGb
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
    sku: checkedRegistrySku
    isPrivate: isRegistryPrivate
    allowedIpRanges: allowedIpRanges
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

module network 'modules/network.bicep' = if (makesNetwork) {
  params: {
    location: location
    name: 'vnet-gemma2-${suffix}'
    tags: allTags
    addressPrefix: addressPrefix
  }
}

var networkId = makesNetwork ? network!.outputs.id : split(checkedAppsSubnetId, '/subnets/')[0]
var environmentSubnetId = makesNetwork ? network!.outputs.appsSubnetId : usesNetwork ? checkedAppsSubnetId : null
var privateSubnetId = makesNetwork ? network!.outputs.endpointsSubnetId : endpointsSubnetId

module storageEndpoints 'modules/private-endpoints.bicep' = if (isPrivate) {
  params: {
    location: location
    tags: allTags
    serviceName: storageAccountName
    serviceId: storage.outputs.id
    groups: map(['blob', 'queue'], part => { name: part, zone: 'privatelink.${part}.${az.environment().suffixes.storage}' })
    subnetId: privateSubnetId
    networkId: networkId
    makesDnsZones: makesDnsZones
  }
}

module registryEndpoints 'modules/private-endpoints.bicep' = if (isRegistryPrivate) {
  params: {
    location: location
    tags: allTags
    serviceName: registryName
    serviceId: registry.outputs.id
    groups: [{ name: 'registry', zone: 'privatelink${az.environment().suffixes.acrLoginServer}' }]
    subnetId: privateSubnetId
    networkId: networkId
    makesDnsZones: makesDnsZones
  }
}

module environment 'modules/environment.bicep' = {
  params: {
    location: location
    name: 'cae-gemma2-${suffix}'
    tags: allTags
    gpu: gpu
    subnetId: environmentSubnetId
    isPublic: isPublic
    requestIdleMinutes: requestIdleMinutes
    workspaceId: monitoring.outputs.workspaceId
  }
}

// Nothing else knows the name of an app that the internet cannot reach.
module appDns 'modules/app-dns.bicep' = if (!isPublic && makesDnsZones) {
  params: {
    tags: allTags
    // The platform chooses the domain: a preview cannot know the zone's name.
    #disable-next-line what-if-short-circuiting
    domain: environment.outputs.domain
    ip: environment.outputs.ip
    networkId: networkId
  }
}

var queueRules = map(storage.outputs.queueNames, queue => {
  name: queue
  custom: {
    type: 'azure-queue'
    identity: identity.outputs.id
    metadata: {
      accountName: storageAccountName
      queueName: queue
      // A batch's chunk keeps a whole replica busy; what lies in a poison queue is little work.
      queueLength: queue == 'completion-requests' ? string(jobsPerReplica) : endsWith(queue, '-poison') ? '100' : '1'
      // Messages in hand count too: a replica must not go while it works on the last one.
      queueLengthStrategy: 'all'
    }
  }
})
var rules = [...queueRules, { name: 'http', http: { metadata: { concurrentRequests: string(requestsPerReplica) } } }]

module app 'modules/app.bicep' = if (hasApp) {
  // A replica that starts before its roles are in force, or has no way to the registry yet, cannot pull its image; one without a way to storage cannot load its model.
  dependsOn: [access, storageEndpoints, registryEndpoints]
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
    customDomains: customDomains
    scaleRules: rules
    applicationInsightsConnectionString: monitoring.outputs.applicationInsightsConnectionString
    model: model
    settings: settings
    callbackSecret: checkedCallbackSecret
    adminKey: checkedAdminKey
    hasAdminKey: hasAdminKey
    retentionDays: retentionDays
    apiKeys: checkedApiKeys
    gpuDriverSource: gpuDriverSource
    gpuDriverSha256: gpuDriverSha256
    minReplicas: minReplicas
    maxReplicas: checkedMaxReplicas
    startupMinutes: startupMinutes
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
    gpuWaitMinutes: gpuWaitMinutes
    firstTokenSeconds: firstTokenSeconds
    hasGpu: gpu != 'none'
    hasLogCap: logDailyCapGb > 0
    minReplicas: minReplicas
    maxReplicas: checkedMaxReplicas
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

@description('The registry\'s tier: a Premium one can stream images.')
output registrySku string = registrySku

@description('The image\'s name in the registry.')
output imageName string = imageName

@description('The resource group.')
output resourceGroupName string = resourceGroup().name

@description('The Container Apps environment.')
output environmentName string = environment.outputs.name

@description('The domain of the environment\'s apps.')
output environmentDomain string = environment.outputs.domain

@description('The address of the environment\'s apps: one of the virtual network where isPublic is false.')
output environmentIp string = environment.outputs.ip

@description('The virtual network\'s resource id, to connect others to it; empty where there is none.')
output networkId string = usesNetwork ? networkId : ''

@description('The client id of the identity that the app runs as.')
output identityClientId string = identity.outputs.clientId

@description('That identity\'s resource id.')
output identityId string = identity.outputs.id

@description('The scale rules that the app is to have, whether or not this stage sets them.')
output scaleRules scaleRule[] = rules
