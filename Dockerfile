# Two images of one app; neither holds weights.
#   docker build --target functions -t gemma2-functions .    the app as custom handler of an Azure Functions host
#   docker build --target app -t gemma2-app .                the app by itself: it polls the queues, any platform with a queue scaler wakes it
# The classic builder (az acr build) and BuildKit both build it. To pin a base image for good, add its digest: --build-arg APP_DIGEST=@sha256:...
ARG SDK_IMAGE=mcr.microsoft.com/dotnet/sdk:10.0-noble
ARG SDK_DIGEST=
ARG APP_IMAGE=mcr.microsoft.com/dotnet/aspnet:10.0-noble
ARG APP_DIGEST=
ARG FUNCTIONS_IMAGE=mcr.microsoft.com/azure-functions/dotnet-isolated:4-dotnet-isolated10.0
ARG FUNCTIONS_DIGEST=

FROM ${SDK_IMAGE}${SDK_DIGEST} AS build
# They compile and check the shaders. Kernels that need a newer glslc than this one are left out, which the build says.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends glslc spirv-tools \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY .editorconfig Directory.Build.props Directory.Packages.props host.json local.settings.sample.json ./
COPY shaders shaders
COPY vulkan-backend vulkan-backend
COPY storage storage
COPY functions functions
COPY cli cli
# Both into one folder: they share most of their files.
RUN CI=true dotnet publish functions --configuration Release --output /publish -p:PublishDocumentationFiles=false \
    && CI=true dotnet publish cli --configuration Release --output /publish -p:PublishDocumentationFiles=false

FROM ${APP_IMAGE}${APP_DIGEST} AS app
ARG SOFTWARE_DEVICE=false
COPY infra/container/install-packages.sh /tmp/
RUN /tmp/install-packages.sh "$SOFTWARE_DEVICE" && rm /tmp/install-packages.sh
COPY infra/container/entrypoint /opt/gemma2
COPY --from=build /publish /app
ENV PATH=/app:$PATH \
    ASPNETCORE_URLS=http://+:8080 \
    DOTNET_RUNNING_IN_CONTAINER=true \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility,graphics
LABEL org.opencontainers.image.title="Gemma 2 by Vulkan" \
      org.opencontainers.image.description="Gemma 2 over HTTP and storage queues, computed by Vulkan kernels" \
      org.opencontainers.image.licenses="MIT"
WORKDIR /app
EXPOSE 8080
# Numbers, so that Kubernetes can see that it is not root; .NET's images have this user.
USER 1654:1654
ENTRYPOINT ["/opt/gemma2/entrypoint.sh"]
CMD ["/app/Gemma2.Functions"]

FROM ${SDK_IMAGE}${SDK_DIGEST} AS extensions
WORKDIR /source
COPY infra/container/extensions ./
RUN dotnet publish --configuration Release --output /extensions

FROM ${FUNCTIONS_IMAGE}${FUNCTIONS_DIGEST} AS functions
ARG SOFTWARE_DEVICE=false
COPY infra/container/install-packages.sh /tmp/
# The host writes under /home.
RUN /tmp/install-packages.sh "$SOFTWARE_DEVICE" && rm /tmp/install-packages.sh \
    && mkdir -p /home/site/wwwroot /home/data /home/LogFiles \
    && chown 1654:1654 /home /home/data /home/LogFiles
COPY infra/container/entrypoint /opt/gemma2
COPY --from=build /publish /home/site/wwwroot
COPY --from=extensions /extensions /home/site/wwwroot/bin
# The base image is made for .NET workers, which the host asks for their functions; a custom handler's are in the function.json files.
ENV PATH=/home/site/wwwroot:$PATH \
    HOME=/home \
    ASPNETCORE_URLS=http://+:8080 \
    AzureWebJobsScriptRoot=/home/site/wwwroot \
    AzureWebJobsFeatureFlags= \
    AzureFunctionsJobHost__Logging__Console__IsEnabled=true \
    FUNCTIONS_WORKER_RUNTIME=custom \
    DOTNET_RUNNING_IN_CONTAINER=true \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility,graphics
LABEL org.opencontainers.image.title="Gemma 2 by Vulkan, on Azure Functions" \
      org.opencontainers.image.description="Gemma 2 over HTTP and storage queues, computed by Vulkan kernels, under an Azure Functions host" \
      org.opencontainers.image.licenses="MIT"
WORKDIR /home/site/wwwroot
EXPOSE 8080
USER 1654:1654
ENTRYPOINT ["/opt/gemma2/entrypoint.sh"]
CMD ["/azure-functions-host/Microsoft.Azure.WebJobs.Script.WebHost"]
