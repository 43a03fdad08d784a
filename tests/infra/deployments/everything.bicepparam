// Every option that there is, so that the tests see what each becomes.
using 'main.bicep'

param environmentName = 'everything'
param location = 'swedencentral'
param imageTag = '1.2.3'
param apiKeys = readEnvironmentVariable('GEMMA2_API_KEYS')
param callbackSecret = readEnvironmentVariable('GEMMA2_CALLBACK_SECRET')
param adminKey = readEnvironmentVariable('GEMMA2_ADMIN_KEY')
param hasAdminKey = true
param gpu = 'A100'
param gpuDriverSource = 'https://example.blob.core.windows.net/drivers/{version}.tar.zst'
param gpuDriverSha256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
param model = 'gemma-2-9b-it'
param settings = {
  device: 'A100'
  contextLength: 4096
  maxSequences: 16
  jobsAtOnce: 8
  kvCacheMemory: '4G'
  stagingMemory: '1G'
  cacheFolder: '/tmp/gemma2'
  cacheSize: '40G'
  maxWaitingRequests: 100
  maxWaitingTokens: 200000
  toolPrompt: 'Call these: {tools}'
  chatTemplate: '{{ bos_token }}{% for message in messages %}{{ message.role }}: {{ message.content }}{% endfor %}'
  generationConfig: 'none'
  weightType: 'q8_0'
  lora: 'assistant-lora;style-lora:0.5'
  kvCacheType: 'f16'
  kernels: '-int8'
  allowAnonymous: false
  corsOrigins: 'https://chat.example.com,https://*.example.org'
  requestSeconds: 20
  startupWaitSeconds: 120
  requestsPerMinute: 60
  tokensPerMinute: 100000
  keyLimits: 'tests=600/1000000'
  sharedLimits: true
  batchTokensPerMinute: 50000
  keyQuotas: 'tests=10G/1000/20,*=1G/100/5'
  queueLeaseSeconds: 60
  batchChunkSeconds: 60
  prices: '0.10/0.40 USD'
  batchWebhook: 'https://hooks.example.org/batches'
  callbackHosts: 'example.com,*.example.org'
  sharePipelines: true
}
param minReplicas = 1
param maxReplicas = 4
param jobsPerReplica = 16
param requestsPerReplica = 32
param isPublic = false
param requestIdleMinutes = 30
param customDomains = [
  {
    name: 'gemma.example.com'
    bindingType: 'SniEnabled'
    certificateId: '/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/gemma2/providers/Microsoft.App/managedEnvironments/cae/managedCertificates/gemma'
  }
]
param storageSku = 'Standard_ZRS'
param registrySku = 'Premium'
param logDailyCapGb = 0
param deployerPrincipalId = '11111111-1111-1111-1111-111111111111'
param alertEmails = ['operator@example.com']
param isPrivate = true
param isRegistryPrivate = true
param allowedIpRanges = ['203.0.113.7']
param budget = {
  amount: 500
  startDate: '2026-12-01'
  emails: ['owner@example.com']
}
param tags = { team: 'models' }
