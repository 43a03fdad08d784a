// In subnets that exist already, with the DNS zones of somebody's hub.
using 'main.bicep'

param environmentName = 'gemma2'
param location = 'swedencentral'
param imageTag = '1.2.3'
param apiKeys = readEnvironmentVariable('GEMMA2_API_KEYS')
param gpu = 'T4'
param model = 'gemma-2-2b-it'
param isPublic = false
param isPrivate = true
param appsSubnetId = '/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/hub/providers/Microsoft.Network/virtualNetworks/spoke/subnets/apps'
param endpointsSubnetId = '/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/hub/providers/Microsoft.Network/virtualNetworks/spoke/subnets/private'
param makesDnsZones = false
