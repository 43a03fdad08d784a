metadata description = 'The types that several modules share.'

@export()
@description('The GPU of a replica: NVIDIA T4 (16 GB), NVIDIA A100 (80 GB), or none: the model is computed on the CPU, for trials.')
type gpu = 'T4' | 'A100' | 'none'

@export()
@description('Who runs the app: the Azure Functions host with the app as its worker, or nobody: the app serves HTTP and polls the queues itself.')
type host = 'functions' | 'containerapp'

@export()
@description('The service\'s settings (Gemma2__...) that are the deployment\'s to choose. What is left out has the app\'s own default.')
type serviceSettings = {
  @description('Which Vulkan device: part of its name, or its index.')
  device: string?

  @description('Longest prompt plus answer, in tokens.')
  @minValue(2)
  @maxValue(8192)
  contextLength: int?

  @description('How many sequences a replica works on at once.')
  @minValue(1)
  @maxValue(256)
  maxSequences: int?

  @description('How many jobs a replica takes from the queue at once; under a Functions host its host.json says so.')
  @minValue(1)
  @maxValue(256)
  jobsAtOnce: int?

  @description('Device memory for the KV cache that all sequences share, such as 8G or 512M. Left out it gets what they can need, as far as the memory that is left allows it.')
  @maxLength(20)
  kvCacheMemory: string?

  @description('Most host memory for weights on their way to the device, in bytes or as 512M: at least 64M.')
  @maxLength(20)
  stagingMemory: string?

  @description('A folder where models are kept for the next start of a replica\'s container, such as /tmp/gemma2; on a share that is mounted there, for all replicas.')
  @maxLength(1024)
  cacheFolder: string?

  @description('How much the models in cacheFolder may take together, such as 40G. Left out it is half of the disk.')
  @maxLength(20)
  cacheSize: string?

  @description('How many HTTP requests may wait for their turn on one replica; more are answered with status 429.')
  @minValue(0)
  @maxValue(100000)
  maxWaitingRequests: int?

  @description('How many tokens the prompts of waiting HTTP requests may have together on one replica; more are answered with status 429.')
  @minValue(0)
  @maxValue(2147483647)
  maxWaitingTokens: int?

  @description('What a model is told that may call functions: a text in which {tools} stands for them.')
  @maxLength(10000)
  toolPrompt: string?

  @description('How conversations become prompts, instead of the template that came with the model: a template in Jinja, or the path of a file in the container that holds one.')
  @maxLength(30000)
  chatTemplate: string?

  @description('Whether requests that do not say how tokens are picked get what the model itself says (auto, the default) or nothing of it (none).')
  generationConfig: ('auto' | 'none')?

  @description('Quantize the matrices of a model that is not quantized while it is loaded: a preset of llama.cpp.')
  weightType: (
    | 'f32'
    | 'f16'
    | 'bf16'
    | 'q8_0'
    | 'q4_0'
    | 'q4_1'
    | 'q5_0'
    | 'q5_1'
    | 'q2_k'
    | 'q2_k_s'
    | 'q3_k_s'
    | 'q3_k'
    | 'q3_k_m'
    | 'q3_k_l'
    | 'q4_k_s'
    | 'q4_k'
    | 'q4_k_m'
    | 'q5_k_s'
    | 'q5_k'
    | 'q5_k_m'
    | 'q6_k'
    | 'iq4_nl'
    | 'iq4_xs'
    | 'F32'
    | 'F16'
    | 'BF16'
    | 'Q8_0'
    | 'Q4_0'
    | 'Q4_1'
    | 'Q5_0'
    | 'Q5_1'
    | 'Q2_K'
    | 'Q2_K_S'
    | 'Q3_K_S'
    | 'Q3_K'
    | 'Q3_K_M'
    | 'Q3_K_L'
    | 'Q4_K_S'
    | 'Q4_K'
    | 'Q4_K_M'
    | 'Q5_K_S'
    | 'Q5_K'
    | 'Q5_K_M'
    | 'Q6_K'
    | 'IQ4_NL'
    | 'IQ4_XS')?

  @description('LoRA adapters that are added to the model\'s weights, with semicolons between them: names of stored ones, each with its scale where that is not 1 (assistant-lora:0.5).')
  @maxLength(2048)
  lora: string?

  @description('How numbers are kept in the KV cache; auto, the default, is f16 for quantized weights and f32 for others.')
  kvCacheType: ('auto' | 'f16' | 'f32' | 'q8_0')?

  @description('Which families of matrix kernels may be used: one (tiled), or a minus before each that may not (-coopmat,-int8). See gemma2 devices.')
  @maxLength(64)
  kernels: string?

  @description('Whether requests need no key: only where something in front of the app checks who sends them.')
  allowAnonymous: bool?

  @description('Origins whose pages may call the service from a browser, separated by commas: https://chat.example.com, https://*.example.com, or * for every one.')
  @maxLength(2048)
  corsOrigins: string?

  @description('How long a request may take that generates nothing, in seconds; what storage holds up longer is answered with 503.')
  @minValue(1)
  @maxValue(600)
  requestSeconds: int?

  @description('How long a request waits that comes before the model is ready, in seconds; 0 answers it with 503 at once.')
  @minValue(0)
  @maxValue(3600)
  startupWaitSeconds: int?

  @description('Requests that a key may send in a minute to one replica; 0 sets no limit.')
  @minValue(0)
  @maxValue(10000000)
  requestsPerMinute: int?

  @description('Tokens, prompt and answer, that a key may use in a minute on one replica; 0 sets no limit.')
  @minValue(0)
  @maxValue(10000000)
  tokensPerMinute: int?

  @description('Other limits for some keys, separated by commas: NAME=REQUESTS/TOKENS.')
  @maxLength(4096)
  keyLimits: string?

  @description('Whether limits of requests and tokens hold over all replicas together, instead of on each.')
  sharedLimits: bool?

  @description('Tokens that the lines of a key\'s batches may take in a minute on one replica; they wait for it. 0 sets no limit.')
  @minValue(0)
  @maxValue(10000000)
  batchTokensPerMinute: int?

  @description('How much keys may have at once, separated by commas: NAME=BYTES/JOBS/BATCHES, * for all that are not named.')
  @maxLength(4096)
  keyQuotas: string?

  @description('Seconds for which a queue message belongs to a replica that works on it; renewed at a third of that.')
  @minValue(5)
  @maxValue(600)
  queueLeaseSeconds: int?

  @description('About how many seconds of work one chunk of a batch is.')
  @minValue(1)
  @maxValue(900)
  batchChunkSeconds: int?

  @description('What a million tokens of prompts and of answers cost, and in which currency: 0.10/0.40 USD. Batches tell their cost by it.')
  @maxLength(64)
  prices: string?

  @description('An https address, at one of callbackHosts, that is told of the end of every batch that names no other itself.')
  @maxLength(2048)
  batchWebhook: string?

  @description('Hosts that callbacks of jobs and batches may go to, separated by commas: example.com or *.example.com. Without any there are no callbacks.')
  @maxLength(2048)
  callbackHosts: string?

  @description('Whether replicas store the pipelines that the driver compiled, and start with those that are stored; the default is true.')
  sharePipelines: bool?
}

@export()
@description('A name of yours that the app answers to, as the platform gives it: certificateId is left out where it has no certificate yet.')
type customDomain = {
  name: string
  bindingType: 'SniEnabled' | 'Disabled' | 'Auto'
  certificateId: string?
}

@export()
@description('Tags: a text for each name.')
type tagSet = { *: string }

@export()
@description('What starts and ends replicas: a scaler of KEDA\'s for a queue, or the platform\'s for requests.')
type scaleRule = {
  name: string
  custom: { type: string, identity: string, metadata: { *: string } }?
  http: { metadata: { *: string } }?
}
