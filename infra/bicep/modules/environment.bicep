metadata description = 'The Container Apps environment: the GPUs that its apps may use, and where their logs go.'

import { gpu as gpuKind, tagSet } from 'types.bicep'

@description('Where it is made: a region that has the GPU as a serverless one.')
param location string

@description('The environment\'s name.')
param name string

@description('Tags of every resource.')
param tags tagSet

@description('The GPU that the app uses.')
param gpu gpuKind

@description('The subnet that replicas get their addresses from; null leaves the network to the platform.')
param subnetId string?

@description('Whether the internet reaches its apps, or only the subnet\'s network.')
param isPublic bool

@description('Minutes that a request may wait without a byte.')
@minValue(4)
@maxValue(30)
param requestIdleMinutes int

@description('The Log Analytics workspace for the logs of containers and platform.')
param workspaceId string

var gpuProfiles = {
  none: []
  T4: [{ name: 'T4', workloadProfileType: 'Consumption-GPU-NC8as-T4' }]
  A100: [{ name: 'A100', workloadProfileType: 'Consumption-GPU-NC24-A100' }]
}

// Other times than the default come with ingress proxies on nodes of their own: two at least, which share their profile with nothing else.
var hasOwnIngress = requestIdleMinutes > 4
var ingressProfile = { name: 'Ingress', workloadProfileType: 'D4', minimumCount: 2, maximumCount: 2 }

resource environment 'Microsoft.App/managedEnvironments@2026-07-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    appLogsConfiguration: { destination: 'azure-monitor' }
    vnetConfiguration: subnetId == null ? null : { infrastructureSubnetId: subnetId, internal: !isPublic }
    workloadProfiles: [
      { name: 'Consumption', workloadProfileType: 'Consumption' }
      ...gpuProfiles[gpu]
      ...(hasOwnIngress ? [ingressProfile] : [])
    ]
    ingressConfiguration: hasOwnIngress ? { workloadProfileName: ingressProfile.name, requestIdleTimeout: requestIdleMinutes } : null
  }
}

resource logs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: environment
  name: 'logs'
  properties: {
    workspaceId: workspaceId
    logs: [
      { category: 'ContainerAppConsoleLogs', enabled: true }
      { category: 'ContainerAppSystemLogs', enabled: true }
    ]
  }
}

@description('The environment\'s resource id.')
output id string = environment.id

@description('The environment\'s name.')
output name string = environment.name

@description('The domain of its apps.')
output domain string = environment.properties.defaultDomain

@description('The address of its apps.')
output ip string = environment.properties.staticIp
