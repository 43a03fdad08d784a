# shellcheck shell=bash
# Azurite, the emulator of Azure Storage, from npm.

install_azurite() { install_from_npm tools/azurite Azurite; }

# start_azurite FOLDER: starts it with its data and log in FOLDER and sets AzureWebJobsStorage, the connection string.
start_azurite() {
  local log=$1/azurite.log blobs queues
  # Port 0 is one that the kernel finds free. The SDKs ask for a newer API version than Azurite knows.
  start "$log" node tools/azurite/node_modules/azurite/dist/src/azurite.js --silent --disableTelemetry --skipApiVersionCheck --location "$1/azurite" \
    --blobHost 127.0.0.1 --blobPort 0 --queueHost 127.0.0.1 --queuePort 0 --tableHost 127.0.0.1 --tablePort 0
  blobs=$(await_line "$log" $! 's/.*Blob service is successfully listening at //p')
  queues=$(await_line "$log" $! 's/.*Queue service is successfully listening at //p')
  # The emulator's account and key are fixed and public.
  local account=devstoreaccount1 key=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==
  export AzureWebJobsStorage="DefaultEndpointsProtocol=http;AccountName=$account;AccountKey=$key;BlobEndpoint=$blobs/$account;QueueEndpoint=$queues/$account;"
}
