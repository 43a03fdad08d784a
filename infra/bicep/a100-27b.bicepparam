// Gemma 2 27B on an NVIDIA A100.
// What changes from one deployment to the next comes from the environment; azd and deploy.sh set it.
using 'main.bicep'

param environmentName = readEnvironmentVariable('AZURE_ENV_NAME', 'gemma2')
param location = readEnvironmentVariable('AZURE_LOCATION', 'swedencentral')
param deployerPrincipalId = readEnvironmentVariable('AZURE_PRINCIPAL_ID', '')
param deployerPrincipalType = readEnvironmentVariable('AZURE_PRINCIPAL_TYPE', 'User')
param stage = readEnvironmentVariable('GEMMA2_STAGE', 'complete')
param host = readEnvironmentVariable('GEMMA2_HOST', 'functions')
param imageTag = readEnvironmentVariable('GEMMA2_IMAGE_TAG')
param apiKeys = readEnvironmentVariable('GEMMA2_API_KEYS')
param callbackSecret = readEnvironmentVariable('GEMMA2_CALLBACK_SECRET', '')
param adminKey = readEnvironmentVariable('GEMMA2_ADMIN_KEY', '')
param hasAdminKey = !empty(readEnvironmentVariable('GEMMA2_ADMIN_KEY', ''))
param gpuDriverSource = readEnvironmentVariable('GPU_DRIVER_SOURCE', '')
param gpuDriverSha256 = readEnvironmentVariable('GPU_DRIVER_SHA256', '')
param isPublic = bool(readEnvironmentVariable('GEMMA2_IS_PUBLIC', 'true'))
param isPrivate = bool(readEnvironmentVariable('GEMMA2_IS_PRIVATE', 'false'))
param isRegistryPrivate = bool(readEnvironmentVariable('GEMMA2_IS_REGISTRY_PRIVATE', 'false'))
param allowedIpRanges = filter(split(readEnvironmentVariable('GEMMA2_ALLOWED_IPS', ''), ','), range => !empty(range))
param appsSubnetId = readEnvironmentVariable('GEMMA2_APPS_SUBNET_ID', '')
param endpointsSubnetId = readEnvironmentVariable('GEMMA2_ENDPOINTS_SUBNET_ID', '')
param requestIdleMinutes = int(readEnvironmentVariable('GEMMA2_REQUEST_IDLE_MINUTES', '4'))
param customDomains = json(readEnvironmentVariable('GEMMA2_CUSTOM_DOMAINS', '[]'))
param alertEmails = filter(split(readEnvironmentVariable('GEMMA2_ALERT_EMAILS', ''), ','), mail => !empty(mail))

param gpu = readEnvironmentVariable('GEMMA2_GPU', 'A100')
param model = readEnvironmentVariable('GEMMA2_MODEL', 'gemma-2-27b-it')
param minReplicas = int(readEnvironmentVariable('GEMMA2_MIN_REPLICAS', '0'))
param maxReplicas = int(readEnvironmentVariable('GEMMA2_MAX_REPLICAS', '1'))
param startupMinutes = 60
param slowStartMinutes = 30
// Artifact streaming: 24 cores and an A100 should not wait for an image.
param registrySku = readEnvironmentVariable('GEMMA2_REGISTRY_SKU', 'Premium')
