metadata description = 'The identity that the app runs as: it exists before the app, so that its roles are in force when the first replica starts.'

import { tagSet } from 'types.bicep'

@description('Where it is made.')
param location string

@description('The identity\'s name.')
param name string

@description('Tags of every resource.')
param tags tagSet

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: name
  location: location
  tags: tags
}

@description('The identity\'s resource id, by which an app takes it on.')
output id string = identity.id

@description('Its id for tokens: what the app\'s settings name.')
output clientId string = identity.properties.clientId
