metadata description = 'Where logs and telemetry go. Neither takes a key: the app writes with its identity.'

import { tagSet } from 'types.bicep'

@description('Where it is made.')
param location string

@description('Name of the Log Analytics workspace.')
param workspaceName string

@description('Name of the Application Insights component.')
param applicationInsightsName string

@description('Tags of every resource.')
param tags tagSet

@description('Days for which logs are kept.')
@minValue(30)
@maxValue(730)
param retentionDays int

@description('Gigabytes of logs a day; more are dropped until the next day. 0 sets no limit.')
@minValue(0)
param dailyCapGb int

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-07-01' = {
  name: workspaceName
  location: location
  tags: tags
  properties: {
    sku: { name: 'PerGB2018' }
    retentionInDays: retentionDays
    workspaceCapping: { dailyQuotaGb: dailyCapGb > 0 ? dailyCapGb : -1 }
    features: { disableLocalAuth: true, enableLogAccessUsingOnlyResourcePermissions: true }
  }
}

resource applicationInsights 'Microsoft.Insights/components@2020-02-02' = {
  name: applicationInsightsName
  location: location
  tags: tags
  kind: 'web'
  properties: {
    Application_Type: 'web'
    DisableLocalAuth: true
    WorkspaceResourceId: workspace.id
  }
}

@description('The workspace\'s resource id.')
output workspaceId string = workspace.id

@description('Where telemetry is sent. It names the component and opens nothing: the component takes no keys.')
output applicationInsightsConnectionString string = applicationInsights.properties.ConnectionString
