metadata description = 'Mails when the resource group\'s cost of a month comes near to a sum. It stops nothing.'

@description('The sum for a month, in the subscription\'s currency.')
@minValue(1)
param amount int

@description('The first day of the first month, as 2026-12-01. It cannot change later.')
@minLength(10)
@maxLength(10)
param startDate string

@description('Who gets the mails.')
@minLength(1)
param emails string[]

resource budget 'Microsoft.Consumption/budgets@2024-08-01' = {
  name: 'monthly'
  properties: {
    category: 'Cost'
    amount: amount
    timeGrain: 'Monthly'
    timePeriod: { startDate: '${startDate}T00:00:00Z' }
    notifications: {
      half: { enabled: true, operator: 'GreaterThan', threshold: 50, thresholdType: 'Actual', contactEmails: emails }
      used: { enabled: true, operator: 'GreaterThan', threshold: 100, thresholdType: 'Actual', contactEmails: emails }
      forecast: { enabled: true, operator: 'GreaterThan', threshold: 110, thresholdType: 'Forecasted', contactEmails: emails }
    }
  }
}
