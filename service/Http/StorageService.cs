using Gemma2.Service.Api;

namespace Gemma2.Service.Http;

/// <summary>What endpoints use that only an app with storage has.</summary>
internal static class StorageService
{
    /// <summary>One of storage's stores.</summary>
    /// <exception cref="ApiException">The app serves a model's folder without storage.</exception>
    public static T Storage<T>(this HttpContext http) where T : class => http.RequestServices.GetService<T>() ?? throw new ApiException(ApiError.NoStorage);
}
