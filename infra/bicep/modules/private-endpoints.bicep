metadata description = 'Private endpoints of a service\'s parts, and the names by which the network finds them.'

import { tagSet } from 'types.bicep'

@description('Where they are made.')
param location string

@description('Tags of every resource.')
param tags tagSet

@description('The service\'s name.')
param serviceName string

@description('The service\'s resource id.')
param serviceId string

@description('Its parts, and the private DNS zone of each.')
param groups { name: string, zone: string }[]

@description('The subnet that the endpoints are in.')
param subnetId string

@description('The network that must find the endpoints.')
param networkId string

@description('Whether the zones are made here and linked to the network.')
param makesDnsZones bool

var zonedGroups = makesDnsZones ? groups : []

resource endpoints 'Microsoft.Network/privateEndpoints@2024-07-01' = [
  for group in groups: {
    name: '${serviceName}-${group.name}'
    location: location
    tags: tags
    properties: {
      subnet: { id: subnetId }
      privateLinkServiceConnections: [
        { name: group.name, properties: { privateLinkServiceId: serviceId, groupIds: [group.name] } }
      ]
    }
  }
]

resource zones 'Microsoft.Network/privateDnsZones@2024-06-01' = [
  for group in zonedGroups: {
    name: group.zone
    location: 'global'
    tags: tags
  }
]

resource links 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = [
  for (group, i) in zonedGroups: {
    parent: zones[i]
    name: 'network'
    location: 'global'
    tags: tags
    properties: { registrationEnabled: false, virtualNetwork: { id: networkId } }
  }
]

resource records 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2024-07-01' = [
  for (group, i) in zonedGroups: {
    parent: endpoints[i]
    name: 'default'
    properties: { privateDnsZoneConfigs: [{ name: group.name, properties: { privateDnsZoneId: zones[i].id } }] }
  }
]
