// A replica that never sleeps, and is the only one.
using 'main.bicep'

param environmentName = 'gemma2'
param location = 'swedencentral'
param imageTag = '1.2.3'
param apiKeys = readEnvironmentVariable('GEMMA2_API_KEYS')
param gpu = 'T4'
param model = 'gemma-2-2b-it'
param minReplicas = 1
param maxReplicas = 1
