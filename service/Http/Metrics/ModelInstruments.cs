using System.Diagnostics.Metrics;
using Gemma2.Backend.Engine;
using Gemma2.Service.Model;

namespace Gemma2.Service.Http.Metrics;

/// <summary>The model that is served.</summary>
internal static class ModelInstruments
{
    public static void AddTo(Meter meter, ModelHost model)
    {
        meter.CreateObservableGauge("gemma2.ready", () => model.Engine is null ? 0 : 1, unit: null, "1 when the model answers.");
        meter.CreateObservableGauge("gemma2.device.memory", () => Of(model, engine => engine.DeviceBytes), "By", "Device memory that is taken: weights, caches, activations.");
        meter.CreateObservableGauge("gemma2.device.weights", () => Of(model, engine => engine.WeightBytes), "By", "Device memory that the weights take.");
    }

    private static IEnumerable<Measurement<long>> Of(ModelHost model, Func<InferenceEngine, long> value) =>
        model.Engine is InferenceEngine engine ? [new Measurement<long>(value(engine))] : [];
}
