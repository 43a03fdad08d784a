# Two images of one app; neither holds weights.
#   docker build --target functions -t gemma2-functions .    the app as worker of an Azure Functions host
#   docker build --target app -t gemma2-app .                the app by itself: it polls the queues, any platform with a queue scaler wakes it
# VULKAN_DRIVER says whose GPU it is for: nvidia, mesa (AMD and Intel) or software (the CPU).
# The classic builder (az acr build) and BuildKit both build it. To pin a base image for good, add its digest: --build-arg APP_DIGEST=@sha256:...
ARG SHADER_IMAGE=mcr.microsoft.com/devcontainers/base:debian13
ARG SHADER_DIGEST=
ARG SDK_IMAGE=mcr.microsoft.com/dotnet/sdk:10.0-noble
ARG SDK_DIGEST=
ARG APP_IMAGE=mcr.microsoft.com/dotnet/aspnet:10.0-noble
ARG APP_DIGEST=
ARG FUNCTIONS_IMAGE=mcr.microsoft.com/azure-functions/dotnet-isolated:4-dotnet-isolated10.0
ARG FUNCTIONS_DIGEST=

FROM ${SDK_IMAGE}${SDK_DIGEST} AS sdk

# Debian 13 for its compiler of shaders: Ubuntu 24.04's, in the SDK's image, does not know all that the shaders use.
FROM ${SHADER_IMAGE}${SHADER_DIGEST} AS build
ARG GLSLC_VERSION=2025.2-*
ARG SPIRV_TOOLS_VERSION=2025.1~rc1-*
RUN apt-get update \
    && apt-get install --yes --no-install-recommends "glslc=$GLSLC_VERSION" "spirv-tools=$SPIRV_TOOLS_VERSION" \
    && rm -rf /var/lib/apt/lists/*
COPY --from=sdk /usr/share/dotnet /usr/share/dotnet
ENV PATH=/usr/share/dotnet:$PATH \
    CI=true \
    DOTNET_CLI_TELEMETRY_OPTOUT=1 \
    DOTNET_NOLOGO=1 \
    DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1 \
    MSBUILDDISABLENODEREUSE=1 \
    UseSharedCompilation=false
WORKDIR /source
COPY .editorconfig README.md Directory.Build.props Directory.Packages.props ReadyToRun.targets host.json local.settings.sample.json ./
COPY .config .config
COPY shaders shaders
COPY vulkan-backend vulkan-backend
COPY grammars grammars
COPY storage storage
COPY service service
COPY functions functions
COPY cli cli
# Both into one folder: they share most of their files.
RUN dotnet publish functions --configuration Release --output /publish -p:PublishDocumentationFiles=false -p:RequireAllShaders=true \
    && dotnet publish cli --configuration Release --output /publish -p:PublishDocumentationFiles=false -p:RequireAllShaders=true \
    && rm -rf /publish/runtimes/win /publish/.azurefunctions/runtimes/win /publish/.azurefunctions/runtimes/browser \
    && find /publish -type d -empty -delete
# What is for a host is of no use to the app by itself.
RUN cp -r /publish /publish-app && rm -r /publish-app/.azurefunctions
# What they are made of. The third project is what the Functions SDK generates for the triggers' part in the host.
RUN dotnet tool restore \
    && for project in functions/Functions.csproj functions/obj/Release/net10.0/WorkerExtensions/WorkerExtensions.csproj cli/Cli.csproj; do \
         dotnet tool run dotnet-CycloneDX "$project" --disable-package-restore --include-license-text --output-format Json --output /bom --filename "$(basename "$project" .csproj).json" || exit 1; \
       done

FROM ${APP_IMAGE}${APP_DIGEST} AS app
ARG VULKAN_DRIVER=nvidia
COPY infra/container/install-packages.sh /tmp/
RUN /tmp/install-packages.sh "$VULKAN_DRIVER" && rm /tmp/install-packages.sh
COPY infra/container/entrypoint /opt/gemma2
COPY --from=build /publish-app /app
COPY --from=build /bom /usr/share/gemma2/
COPY infra/container/describe-image.sh /tmp/
ARG SHADER_IMAGE
ARG SHADER_DIGEST
ARG SDK_IMAGE
ARG SDK_DIGEST
ARG APP_IMAGE
ARG APP_DIGEST
ARG REVISION=
RUN /tmp/describe-image.sh app /app "$APP_IMAGE$APP_DIGEST" "$SHADER_IMAGE$SHADER_DIGEST" "$SDK_IMAGE$SDK_DIGEST" && rm /tmp/describe-image.sh
ENV PATH=/app:$PATH \
    ASPNETCORE_URLS=http://+:8080 \
    DOTNET_RUNNING_IN_CONTAINER=true \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility,graphics
LABEL org.opencontainers.image.title="Gemma 2 by Vulkan" \
      org.opencontainers.image.description="Gemma 2 over HTTP and storage queues, computed by Vulkan kernels" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.licenses="MIT"
WORKDIR /app
EXPOSE 8080
# Numbers, so that Kubernetes can see that it is not root; .NET's images have this user.
USER 1654:1654
ENTRYPOINT ["/opt/gemma2/entrypoint.sh"]
CMD ["/app/Gemma2.Functions"]

FROM ${FUNCTIONS_IMAGE}${FUNCTIONS_DIGEST} AS functions
ARG VULKAN_DRIVER=nvidia
COPY infra/container/install-packages.sh /tmp/
# The host writes under /home.
RUN /tmp/install-packages.sh "$VULKAN_DRIVER" && rm /tmp/install-packages.sh \
    && mkdir -p /home/site/wwwroot /home/data /home/LogFiles \
    && chown 1654:1654 /home /home/data /home/LogFiles
COPY infra/container/entrypoint /opt/gemma2
COPY --from=build /publish /home/site/wwwroot
COPY --from=build /bom /usr/share/gemma2/
COPY infra/container/describe-image.sh /tmp/
ARG SHADER_IMAGE
ARG SHADER_DIGEST
ARG SDK_IMAGE
ARG SDK_DIGEST
ARG FUNCTIONS_IMAGE
ARG FUNCTIONS_DIGEST
ARG REVISION=
RUN /tmp/describe-image.sh functions /home/site/wwwroot "$FUNCTIONS_IMAGE$FUNCTIONS_DIGEST" "$SHADER_IMAGE$SHADER_DIGEST" "$SDK_IMAGE$SDK_DIGEST" && rm /tmp/describe-image.sh
ENV PATH=/home/site/wwwroot:$PATH \
    HOME=/home \
    ASPNETCORE_URLS=http://+:8080 \
    AzureWebJobsScriptRoot=/home/site/wwwroot \
    AzureFunctionsJobHost__Logging__Console__IsEnabled=true \
    FUNCTIONS_WORKER_RUNTIME=dotnet-isolated \
    DOTNET_RUNNING_IN_CONTAINER=true \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility,graphics
LABEL org.opencontainers.image.title="Gemma 2 by Vulkan, on Azure Functions" \
      org.opencontainers.image.description="Gemma 2 over HTTP and storage queues, computed by Vulkan kernels, under an Azure Functions host" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.licenses="MIT"
WORKDIR /home/site/wwwroot
EXPOSE 8080
USER 1654:1654
ENTRYPOINT ["/opt/gemma2/entrypoint.sh"]
CMD ["/azure-functions-host/Microsoft.Azure.WebJobs.Script.WebHost"]
