metadata description = 'A virtual network in which the app reaches its storage account through private endpoints.'

import { tagSet } from 'types.bicep'

@description('Where it is made.')
param location string

@description('The network\'s name.')
param name string

@description('Tags of every resource.')
param tags tagSet

@description('The network\'s addresses: a range of at least /22.')
param addressPrefix string

resource network 'Microsoft.Network/virtualNetworks@2024-07-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    addressSpace: { addressPrefixes: [addressPrefix] }
    subnets: [
      {
        name: 'apps'
        properties: {
          // Each replica with a GPU takes one address.
          addressPrefix: cidrSubnet(addressPrefix, 23, 0)
          delegations: [{ name: 'container-apps', properties: { serviceName: 'Microsoft.App/environments' } }]
        }
      }
      {
        name: 'endpoints'
        properties: { addressPrefix: cidrSubnet(addressPrefix, 27, 16) }
      }
    ]
  }
}

@description('The subnet of the Container Apps environment.')
output appsSubnetId string = resourceId('Microsoft.Network/virtualNetworks/subnets', network.name, 'apps')

@description('The subnet of private endpoints.')
output endpointsSubnetId string = resourceId('Microsoft.Network/virtualNetworks/subnets', network.name, 'endpoints')

@description('The network\'s resource id.')
output id string = network.id
