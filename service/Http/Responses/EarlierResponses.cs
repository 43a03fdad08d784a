using System.Text.Json;
using Gemma2.Backend;
using Gemma2.Service.Api;
using Gemma2.Service.Dialects.Responses;
using Gemma2.Service.Http.Access;
using Gemma2.Storage.Responses;

namespace Gemma2.Service.Http.Responses;

/// <summary>Loads what a request needs of the sender's earlier responses: the one that it goes on from, and those whose items it refers to.</summary>
internal static class EarlierResponses
{
    /// <summary>Of so many responses a request may have items by reference.</summary>
    private const int MostReferences = 64;

    private const int AtOnce = 4;

    /// <summary>Loads them.</summary>
    /// <exception cref="InvalidRequestException">There are too many.</exception>
    /// <exception cref="ApiException">The response before is not there, or there is no storage.</exception>
    public static async Task<EarlierItems> LoadAsync(HttpContext http, JsonElement body)
    {
        var request = new RequestFields(body);
        IReadOnlyList<Item> before = request.String(ResponsesRequestParser.PreviousId) is { } previous ? await LoadPreviousAsync(http, previous) : [];
        Dictionary<string, Item> known = [];
        Add(known, before);
        string[] others = request.TryGet(ResponsesRequestParser.Input, out JsonElement input)
            ? [.. ItemReader.References(input).Where(id => !known.ContainsKey(id)).Select(ResponseOutput.ResponseOf).OfType<string>().Distinct()]
            : [];
        if (others.Length > MostReferences)
            throw new InvalidRequestException(ResponsesRequestParser.Input, $"input refers to items of {others.Length} responses; allowed are up to {MostReferences}.");
        await LoadOutputsAsync(http, others, known);
        return new EarlierItems(before, known);
    }

    private static async Task<IReadOnlyList<Item>> LoadPreviousAsync(HttpContext http, string id)
    {
        if (http.RequestServices.GetService<ResponseStore>() is null)
        {
            throw new ApiException(ApiError.BadRequest(
                "This server has no storage (AzureWebJobsStorage), so it keeps no responses; send the whole conversation as input.", ResponsesRequestParser.PreviousId, "no_storage"));
        }
        StoredResponse response = await TryLoadAsync(http, id) ?? throw new ApiException(ApiError.BadRequest(
            $"Previous response with id '{RequestFields.Quote(id)}' not found.", ResponsesRequestParser.PreviousId, "previous_response_not_found"));
        return response.Conversation;
    }

    /// <summary>What responses said; a few of them are in memory at once.</summary>
    private static async Task LoadOutputsAsync(HttpContext http, string[] ids, Dictionary<string, Item> known)
    {
        foreach (string[] some in ids.Chunk(AtOnce))
            foreach (StoredResponse? response in await Task.WhenAll(some.Select(id => TryLoadAsync(http, id))))
                Add(known, response?.Output ?? []);
    }

    /// <summary>A response; null where it is not there.</summary>
    private static async Task<StoredResponse?> TryLoadAsync(HttpContext http, string id) =>
        http.RequestServices.GetService<ResponseStore>() is { } store && http.OwnedKey(id) is { } key && await store.TryReadAsync(key, http.RequestAborted) is { } json
            ? StoredResponse.Parse(key, json)
            : null;

    private static void Add(Dictionary<string, Item> known, IReadOnlyList<Item> items)
    {
        foreach (Item item in items)
            known[item.Id] = item;
    }
}
