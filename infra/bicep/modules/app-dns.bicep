metadata description = 'The names of the apps of an internal environment: a private zone whose every name is the environment\'s address.'

import { tagSet } from 'types.bicep'

@description('Tags of every resource.')
param tags tagSet

@description('The environment\'s domain.')
param domain string

@description('The environment\'s address in the network.')
param ip string

@description('The network that must find the apps.')
param networkId string

resource zone 'Microsoft.Network/privateDnsZones@2024-06-01' = {
  name: domain
  location: 'global'
  tags: tags

  resource everyName 'A' = {
    name: '*'
    properties: { ttl: 3600, aRecords: [{ ipv4Address: ip }] }
  }

  resource link 'virtualNetworkLinks' = {
    name: 'network'
    location: 'global'
    tags: tags
    properties: { registrationEnabled: false, virtualNetwork: { id: networkId } }
  }
}
