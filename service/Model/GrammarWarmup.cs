using Gemma2.Backend;
using Gemma2.Grammars;

namespace Gemma2.Service.Model;

/// <summary>Brings the model's tokens into the form that masks are made from as soon as it is loaded: no request waits for that.</summary>
internal sealed class GrammarWarmup(ModelHost model, ModelGrammars grammars) : BackgroundService
{
    /// <inheritdoc />
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            (await grammars.CompileAsync(await model.WaitForEngineAsync(stoppingToken), new GrammarSource.JsonObject(), stoppingToken))();
        }
        catch (Exception error) when (error is OperationCanceledException or Gemma2Exception)
        {
            // The app stops, the model could not be loaded, or it cannot write JSON: others tell.
        }
    }
}
