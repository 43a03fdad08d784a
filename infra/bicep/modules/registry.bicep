metadata description = 'The container registry. Entra ID is the only way in: there is no admin user.'

import { tagSet } from 'types.bicep'

@description('Where it is made.')
param location string

@description('The registry\'s name.')
@minLength(5)
@maxLength(50)
param name string

@description('Tags of every resource.')
param tags tagSet

@description('Premium allows artifact streaming, which shortens the pull of an image at a cold start, and private endpoints.')
param sku 'Basic' | 'Standard' | 'Premium'

@description('Whether the registry is reached through a private endpoint; then only allowedIpRanges can reach it from outside. Premium alone can be that.')
param isPrivate bool

@description('Public IPv4 addresses or CIDR ranges that may reach a private registry, such as the address that pushes images.')
param allowedIpRanges string[]

resource registry 'Microsoft.ContainerRegistry/registries@2025-11-01' = {
  name: name
  location: location
  tags: tags
  sku: { name: sku }
  properties: {
    adminUserEnabled: false
    anonymousPullEnabled: false
    publicNetworkAccess: isPrivate && empty(allowedIpRanges) ? 'Disabled' : 'Enabled'
    networkRuleSet: isPrivate ? { defaultAction: 'Deny', ipRules: map(allowedIpRanges, range => { action: 'Allow', value: range }) } : null
    policies: { azureADAuthenticationAsArmPolicy: { status: 'enabled' } }
  }
}

@description('The registry\'s resource id.')
output id string = registry.id

@description('Where images are pushed to and pulled from.')
output loginServer string = registry.properties.loginServer
