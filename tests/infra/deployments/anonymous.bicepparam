// Without keys and out of the internet's reach: something in front of the app checks who sends requests.
using 'main.bicep'

param environmentName = 'gemma2'
param location = 'swedencentral'
param host = 'containerapp'
param imageTag = '1.2.3'
param apiKeys = ''
param gpu = 'T4'
param model = 'gemma-2-2b-it'
param settings = { allowAnonymous: true }
param isPublic = false
