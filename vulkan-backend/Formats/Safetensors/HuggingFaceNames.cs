using Gemma2.Backend.Tensors;

namespace Gemma2.Backend.Formats.Safetensors;

/// <summary>
/// Names of tensors as tools save them, brought to those of <see cref="TensorNames"/>: with the prefixes of wrappers (torch.compile, FSDP, DDP, PEFT), of the text part of
/// a model of several parts, or without the <c>model.</c> of a model that was saved without its head.
/// </summary>
internal static class HuggingFaceNames
{
    private const string Model = "model.";

    // torch.compile, checkpointing and FSDP put these anywhere in a name.
    private static readonly string[] _wrappers = ["_orig_mod.", "_checkpoint_wrapped_module.", "_fsdp_wrapped_module."];

    private static readonly string[] _prefixes = ["module.", "base_model.model.", "language_model."];

    // What a model's names begin with that was saved without its head.
    private static readonly string[] _bare = ["layers.", "embed_tokens.", "norm."];

    /// <summary>The name that <see cref="TensorNames"/> has; a name that no Gemma 2 has keeps what is its own.</summary>
    public static string ToStandard(string name)
    {
        foreach (string wrapper in _wrappers) name = name.Replace(wrapper, "", StringComparison.Ordinal);
        for (string before = ""; before != name;)
        {
            before = name;
            foreach (string prefix in _prefixes)
            {
                name = Without(name, prefix);
                if (name.StartsWith(Model + prefix, StringComparison.Ordinal)) name = Model + name[(Model.Length + prefix.Length)..];
            }
            name = name.StartsWith(Model + Model, StringComparison.Ordinal) ? name[Model.Length..] : name;
        }
        return _bare.Any(part => name.StartsWith(part, StringComparison.Ordinal)) ? Model + name : name;
    }

    private static string Without(string name, string prefix) => name.StartsWith(prefix, StringComparison.Ordinal) ? name[prefix.Length..] : name;
}
