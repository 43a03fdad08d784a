metadata description = 'What someone must hear of: poison messages, messages that wait too long, restart loops, slow starts.'

import { tagSet } from 'types.bicep'

@description('Where they are made.')
param location string

@description('Tags of every resource.')
param tags tagSet

@description('What the alerts\' names begin with.')
param namePrefix string

@description('Who gets a mail; none shows the alerts in the portal alone.')
param emails string[]

@description('The Log Analytics workspace with the logs of queues and containers.')
param workspaceId string

@description('The app\'s name.')
param appName string

@description('The app\'s resource id.')
param appId string

@description('Minutes that a message may wait.')
param oldestMessageMinutes int

@description('Minutes that a replica may take from its start to its loaded model.')
param slowStartMinutes int

resource mail 'Microsoft.Insights/actionGroups@2023-01-01' = if (!empty(emails)) {
  name: '${namePrefix}-mail'
  location: 'global'
  tags: tags
  properties: {
    enabled: true
    groupShortName: 'gemma2'
    emailReceivers: [for (email, i) in emails: { name: 'mail-${i}', emailAddress: email, useCommonAlertSchema: true }]
  }
}

var actionGroups = empty(emails) ? [] : [mail.id]

// The queues' log names no message, so that a message's age cannot be read from it. But when fewer messages were deleted since the start of the window than
// had come until N minutes before its end, one of them has waited that long.
var logAlerts = [
  {
    name: 'poison'
    displayName: 'A message failed too often'
    description: 'A message was moved to a poison queue: see docs/operations-azure.md, "Poison messages".'
    severity: 1
    window: 'PT15M'
    query: '''
      StorageQueueLogs
      | where OperationName == "PutMessage" and StatusText == "Success"
      | extend Queue = tostring(split(tostring(parse_url(Uri).Path), "/")[1])
      | where Queue endswith "-poison"
      | summarize Messages = count() by Queue
    '''
  }
  {
    name: 'old-messages'
    displayName: 'Messages wait too long'
    description: 'A message has waited for more than ${oldestMessageMinutes} minutes: see docs/operations-azure.md, "Messages wait".'
    severity: 2
    window: 'P1D'
    query: format(
      '''
      StorageQueueLogs
      | where StatusText == "Success" and OperationName in ("PutMessage", "DeleteMessage")
      | extend Queue = tostring(split(tostring(parse_url(Uri).Path), "/")[1])
      | summarize Came = countif(OperationName == "PutMessage" and TimeGenerated < ago({0}m)), Gone = countif(OperationName == "DeleteMessage") by Queue
      | where Came > Gone
    ''',
      oldestMessageMinutes
    )
  }
  {
    name: 'slow-start'
    displayName: 'A replica starts too slowly'
    description: 'A replica took more than ${slowStartMinutes} minutes until its model was loaded: see docs/operations-azure.md, "Slow starts".'
    severity: 2
    window: 'PT1H'
    query: format(
      '''
      ContainerAppSystemLogs
      | where ContainerAppName == "{0}"
      | where Reason in ("AssigningReplica", "PullingImage", "PulledImage", "ContainerCreated", "ContainerStarted")
      | summarize Began = min(TimeGenerated) by ReplicaName
      | join kind=leftouter (
          ContainerAppConsoleLogs
          | where ContainerAppName == "{0}" and Log has "loaded in"
          | summarize Loaded = min(TimeGenerated) by ReplicaName = ContainerGroupName
        ) on ReplicaName
      | where coalesce(Loaded, now()) - Began > {1}m
      | project ReplicaName, Began, Loaded
    ''',
      appName,
      slowStartMinutes
    )
  }
]

resource queries 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [
  for alert in logAlerts: {
    name: '${namePrefix}-${alert.name}'
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      displayName: alert.displayName
      description: alert.description
      severity: alert.severity
      enabled: true
      scopes: [workspaceId]
      evaluationFrequency: 'PT5M'
      windowSize: alert.window
      // The tables appear with the first rows in them, which come after the deployment.
      skipQueryValidation: true
      autoMitigate: true
      criteria: {
        allOf: [
          {
            query: alert.query
            timeAggregation: 'Count'
            operator: 'GreaterThan'
            threshold: 0
            failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
          }
        ]
      }
      actions: { actionGroups: actionGroups }
    }
  }
]

resource restarts 'Microsoft.Insights/metricAlerts@2018-03-01' = {
  name: '${namePrefix}-restarts'
  location: 'global'
  tags: tags
  properties: {
    description: 'A replica restarts again and again: see docs/operations-azure.md, "Restart loops".'
    severity: 1
    enabled: true
    scopes: [appId]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT15M'
    autoMitigate: true
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          name: 'restarts'
          criterionType: 'StaticThresholdCriterion'
          metricNamespace: 'Microsoft.App/containerapps'
          metricName: 'RestartCount'
          timeAggregation: 'Maximum'
          operator: 'GreaterThan'
          threshold: 3
        }
      ]
    }
    actions: [for group in actionGroups: { actionGroupId: group }]
  }
}
