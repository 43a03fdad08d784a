metadata description = 'What someone must hear of: work that fails, waits or is late, replicas that do not start, restart or do not suffice, and logs that end.'

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

@description('Minutes that a replica may wait for its GPU.')
param gpuWaitMinutes int

@description('Seconds until the first token after which an answer is late.')
param firstTokenSeconds int

@description('Whether replicas have a GPU to wait for.')
param hasGpu bool

@description('Whether the workspace takes no more logs on a day after some.')
param hasLogCap bool

@description('Replicas that always run.')
param minReplicas int

@description('Replicas that run at most.')
param maxReplicas int

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

// A query gives a row for each thing that is wrong: one row raises the alert. Windows are as long as the thing may last, as what is older is not seen.
var queueAlerts = [
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
    // While replicas run they say how old the oldest message is. Where none does, a message came and nothing was taken out of its queue since.
    name: 'old-messages'
    displayName: 'Messages wait too long'
    description: 'A message has waited for more than ${oldestMessageMinutes} minutes: see docs/operations-azure.md, "Messages wait".'
    severity: 2
    window: 'P1D'
    query: format(
      '''
      let told = ContainerAppConsoleLogs
        | where ContainerAppName == "{0}" and TimeGenerated > ago(10m) and Log has "the oldest message has waited"
        | parse Log with * "Queue " Queue ": the oldest message has waited " Seconds:long " s" *
        | where Seconds > {1} * 60
        | project Queue, Since = TimeGenerated - Seconds * 1s;
      let queues = StorageQueueLogs
        | where StatusText == "Success"
        | extend Queue = tostring(split(tostring(parse_url(Uri).Path), "/")[1]);
      let untouched = queues
        | where OperationName == "PutMessage"
        | join kind=leftouter (
            queues
            | where OperationName in ("UpdateMessage", "DeleteMessage", "ClearMessages")
            | summarize Taken = max(TimeGenerated) by Queue
          ) on Queue
        | where isnull(Taken) or TimeGenerated > Taken
        | project Queue, Since = TimeGenerated
        | where Since < ago({1}m);
      union told, untouched
      | summarize Since = min(Since) by Queue
    ''',
      appName,
      oldestMessageMinutes
    )
  }
]

var replicaAlerts = [
  {
    name: 'slow-start'
    displayName: 'A replica starts too slowly'
    description: 'A replica took more than ${slowStartMinutes} minutes until its model was loaded: see docs/operations-azure.md, "Slow starts".'
    severity: 2
    window: 'PT6H'
    query: format(
      '''
      ContainerAppSystemLogs
      | where ContainerAppName == "{0}"
      | summarize
          Began = minif(TimeGenerated, Reason in ("AssigningReplica", "PullingImage", "PulledImage", "ContainerCreated", "ContainerStarted")),
          Ended = maxif(TimeGenerated, Log has "terminated with exit code")
          by ReplicaName
      | join kind=leftouter (
          ContainerAppConsoleLogs
          | where ContainerAppName == "{0}" and Log has "loaded in"
          | summarize Loaded = min(TimeGenerated) by ReplicaName = ContainerGroupName
        ) on ReplicaName
      | where coalesce(Loaded, Ended, now()) - Began > {1}m
      | project ReplicaName, Began, Loaded
    ''',
      appName,
      slowStartMinutes
    )
  }
  {
    // The platform's metric of restarts is the state of each replica, not what happened: it would stay where it is after the last restart.
    name: 'restarts'
    displayName: 'A replica restarts again and again'
    description: 'A replica restarts again and again: see docs/operations-azure.md, "Restart loops".'
    severity: 1
    window: 'PT1H'
    query: format(
      '''
      ContainerAppSystemLogs
      | where ContainerAppName == "{0}" and Log has "terminated with exit code"
      // One row for each, or one for several with their number.
      | summarize Rows = count(), Seen = max(Count) by ReplicaName
      | extend Restarts = max_of(Rows, coalesce(tolong(Seen), 0))
      | where Restarts > 3
    ''',
      appName
    )
  }
  {
    name: 'slow-answers'
    displayName: 'Answers begin late'
    description: 'Many answers took more than ${firstTokenSeconds} seconds to begin: see docs/operations-azure.md, "Too much work".'
    severity: 3
    window: 'PT15M'
    query: format(
      '''
      ContainerAppConsoleLogs
      | where ContainerAppName == "{0}" and Log has "first after"
      | parse Log with * "first after " First:real " s" *
      | summarize Late = countif(First > {1}), Answers = count()
      | where Late >= 5 and Late * 10 > Answers
    ''',
      appName,
      firstTokenSeconds
    )
  }
]

var gpuAlerts = [
  {
    name: 'no-gpu'
    displayName: 'A replica gets no GPU'
    description: 'A replica has waited for its GPU for more than ${gpuWaitMinutes} minutes: see docs/operations-azure.md, "No GPU".'
    severity: 1
    window: 'PT6H'
    query: format(
      '''
      ContainerAppSystemLogs
      | where ContainerAppName == "{0}"
      | summarize
          Asked = minif(TimeGenerated, Reason == "AssigningReplica"),
          Granted = countif(Reason in ("PullingImage", "PulledImage", "ContainerCreated", "ContainerStarted"))
          by ReplicaName
      | where Granted == 0 and Asked < ago({1}m)
    ''',
      appName,
      gpuWaitMinutes
    )
  }
]

var logAlert = {
  name: 'no-logs'
  displayName: 'No more logs today'
  description: 'The day\'s gigabytes of logs are used up, and alerts see nothing new: see docs/operations-azure.md, "No more logs".'
  severity: 2
  window: 'PT1H'
  query: '''
    _LogOperation
    | where Category =~ "Ingestion" and Detail has "OverQuota"
  '''
}

var logAlerts = [...queueAlerts, ...replicaAlerts, ...(hasGpu ? gpuAlerts : []), ...(hasLogCap ? [logAlert] : [])]

var metricAlerts = [
  {
    name: 'server-errors'
    description: 'Requests end with a server error: see docs/operations-azure.md, "Server errors".'
    severity: 2
    frequency: 'PT5M'
    window: 'PT15M'
    metric: 'Requests'
    dimensions: [{ name: 'statusCodeCategory', operator: 'Include', values: ['5xx'] }]
    aggregation: 'Total'
    operator: 'GreaterThan'
    threshold: 5
  }
  // Where the number of replicas never changes, all of them run all the time.
  ...(minReplicas < maxReplicas
    ? [
        {
          name: 'saturated'
          description: 'All replicas that may run have run for an hour: see docs/operations-azure.md, "Too much work".'
          severity: 3
          frequency: 'PT15M'
          window: 'PT1H'
          metric: 'Replicas'
          dimensions: []
          aggregation: 'Minimum'
          operator: 'GreaterThanOrEqual'
          threshold: maxReplicas
        }
      ]
    : [])
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

resource metrics 'Microsoft.Insights/metricAlerts@2018-03-01' = [
  for alert in metricAlerts: {
    name: '${namePrefix}-${alert.name}'
    location: 'global'
    tags: tags
    properties: {
      description: alert.description
      severity: alert.severity
      enabled: true
      scopes: [appId]
      evaluationFrequency: alert.frequency
      windowSize: alert.window
      autoMitigate: true
      criteria: {
        'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
        allOf: [
          {
            name: alert.name
            criterionType: 'StaticThresholdCriterion'
            metricNamespace: 'Microsoft.App/containerapps'
            metricName: alert.metric
            dimensions: alert.dimensions
            timeAggregation: alert.aggregation
            operator: alert.operator
            threshold: alert.threshold
          }
        ]
      }
      actions: [for group in actionGroups: { actionGroupId: group }]
    }
  }
]
