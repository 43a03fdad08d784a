metadata description = 'The storage account: models, requests, results, batches and the queues. Entra ID is the only way in.'

import { tagSet } from 'types.bicep'

@description('Where it is made.')
param location string

@description('The account\'s name.')
@minLength(3)
@maxLength(24)
param name string

@description('Tags of every resource.')
param tags tagSet

@description('How the data is replicated.')
param sku 'Standard_LRS' | 'Standard_ZRS' | 'Standard_GRS' | 'Standard_GZRS'

@description('Days after which requests, results and dead letters are deleted; 0 keeps them.')
@minValue(0)
@maxValue(3650)
param retentionDays int

@description('Days for which deleted blobs and containers can be restored.')
@minValue(1)
@maxValue(365)
param softDeleteDays int

@description('Whether the account is reached through private endpoints; then only allowedIpRanges can reach it from outside.')
param isPrivate bool

@description('Public IPv4 addresses or CIDR ranges that may reach a private account, such as the address that pushes models.')
param allowedIpRanges string[]

@description('The Log Analytics workspace that gets the queues\' log; alerts read it.')
param workspaceId string

// The names are StorageNames in storage/StorageNames.cs; a test compares them.
var containers = ['models', 'requests', 'jobs', 'completions', 'files', 'batches', 'responses', 'dead-letters']
var queues = ['completion-requests', 'completion-requests-poison', 'batch-requests', 'batch-requests-poison']

// The app sweeps them too, but only while a replica runs. Files and batches are left to it: it knows which file an active batch still reads.
var expiringPrefixes = ['requests/', 'jobs/', 'completions/', 'responses/', 'dead-letters/']

resource account 'Microsoft.Storage/storageAccounts@2025-06-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: sku }
  properties: {
    accessTier: 'Hot'
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    allowSharedKeyAccess: false
    allowedCopyScope: 'AAD'
    defaultToOAuthAuthentication: true
    isLocalUserEnabled: false
    isSftpEnabled: false
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    publicNetworkAccess: isPrivate && empty(allowedIpRanges) ? 'Disabled' : 'Enabled'
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: isPrivate ? 'Deny' : 'Allow'
      ipRules: [for range in allowedIpRanges: { action: 'Allow', value: range }]
    }
  }

  resource blobs 'blobServices' = {
    name: 'default'
    properties: {
      containerDeleteRetentionPolicy: { enabled: true, days: softDeleteDays }
      deleteRetentionPolicy: { enabled: true, days: softDeleteDays }
    }

    resource blobContainers 'containers' = [
      for container in containers: {
        name: container
        properties: { publicAccess: 'None' }
      }
    ]
  }

  resource queueService 'queueServices' = {
    name: 'default'

    resource storageQueues 'queues' = [
      for queue in queues: {
        name: queue
      }
    ]
  }

  resource lifecycle 'managementPolicies' = if (retentionDays > 0) {
    name: 'default'
    properties: {
      policy: {
        rules: [
          {
            name: 'expire-requests-and-results'
            type: 'Lifecycle'
            enabled: true
            definition: {
              filters: { blobTypes: ['blockBlob'], prefixMatch: expiringPrefixes }
              actions: { baseBlob: { delete: { daysAfterModificationGreaterThan: retentionDays } } }
            }
          }
        ]
      }
    }
    dependsOn: [blobs]
  }
}

// Reads are left out: each replica looks into each queue every two seconds.
resource queueLog 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: account::queueService
  name: 'queue-log'
  properties: {
    workspaceId: workspaceId
    logs: [
      { category: 'StorageWrite', enabled: true }
      { category: 'StorageDelete', enabled: true }
    ]
  }
}

@description('The account\'s resource id.')
output id string = account.id

@description('The queues that wake a replica.')
output queueNames string[] = queues
