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

@description('Premium allows artifact streaming, which shortens the pull of an image at a cold start.')
param sku 'Basic' | 'Standard' | 'Premium'

resource registry 'Microsoft.ContainerRegistry/registries@2025-11-01' = {
  name: name
  location: location
  tags: tags
  sku: { name: sku }
  properties: {
    adminUserEnabled: false
    anonymousPullEnabled: false
    publicNetworkAccess: 'Enabled'
    policies: { azureADAuthenticationAsArmPolicy: { status: 'enabled' } }
  }
}

@description('Where images are pushed to and pulled from.')
output loginServer string = registry.properties.loginServer
