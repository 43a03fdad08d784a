// The stage "first" of main.bicepparam.
using 'main.bicep'

param environmentName = 'gemma2'
param location = 'swedencentral'
param stage = 'first'
param imageTag = '1.2.3'
param apiKeys = readEnvironmentVariable('GEMMA2_API_KEYS')
param gpu = 'T4'
param model = 'gemma-2-2b-it'
