// The app without a Functions host.
using 'main.bicep'

param environmentName = 'gemma2'
param location = 'swedencentral'
param host = 'containerapp'
param imageTag = '1.2.3'
param apiKeys = readEnvironmentVariable('GEMMA2_API_KEYS')
param gpu = 'T4'
param model = 'gemma-2-2b-it'
