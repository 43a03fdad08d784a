using System.Text;
using Gemma2.Backend.Formats.Safetensors;
using Gemma2.Backend.Tensors;

namespace Gemma2.Backend.Tests.Weights;

public sealed class SafetensorsHeaderTests
{
    [Fact]
    public void Parse_TensorsInAnyOrder_AreGivenInTheOrderOfTheirData()
    {
        IReadOnlyList<TensorEntry> tensors = Parse(
            """{"b":{"dtype":"BF16","shape":[2,3],"data_offsets":[4,16]},"__metadata__":{"format":"pt"},"a":{"data_offsets":[0,4],"shape":[],"dtype":"F32"}}   """, 16);
        Assert.Equal(["a", "b"], tensors.Select(tensor => tensor.Name));
        Assert.Equal([TensorType.F32, TensorType.BF16], tensors.Select(tensor => tensor.Type));
        Assert.Equal([2, 3], tensors[1].Shape);
        Assert.Equal((tensors[0].Offset + 4, 12, "file"), (tensors[1].Offset, tensors[1].Length, tensors[1].File));
    }

    [Fact]
    public void Parse_EmptyTensors_TakeNoRoom() =>
        Assert.Equal(2, Parse("""{"a":{"dtype":"F16","shape":[0,7],"data_offsets":[0,0]},"b":{"dtype":"F16","shape":[0],"data_offsets":[0,0]}}""", 0).Count);

    [Theory]
    [InlineData("", "does not begin with '{'")]
    [InlineData(" {}", "does not begin with '{'")]
    [InlineData("""{"a":3}""", "a: must be an object of dtype, shape and data_offsets")]
    [InlineData("""{"a":{"dtype":"F16","shape":[2]}}""", "a: must be an object of dtype, shape and data_offsets")]
    [InlineData("""{"a":{"dtype":"F16","shape":[2],"data_offsets":[0,4],"stride":1}}""", "a: must be an object of dtype, shape and data_offsets")]
    [InlineData("""{"a":{"dtype":"F16","shape":[2],"data_offsets":[0,4],"shape":[2]}}""", "Duplicate")]
    [InlineData("""{"a":{"dtype":"F16","shape":[2],"data_offsets":[0,4]},"\u0061":{"dtype":"F16","shape":[0],"data_offsets":[4,4]}}""", "Duplicate")]
    [InlineData("""{"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}}""", "dtype is \"F64\"; supported are F32, F16 and BF16")]
    [InlineData("""{"a":{"dtype":null,"shape":[1],"data_offsets":[0,4]}}""", "dtype is null; supported are")]
    [InlineData("""{"a":{"dtype":"F16","shape":{},"data_offsets":[0,4]}}""", "shape must be an array")]
    [InlineData("""{"a":{"dtype":"F16","shape":[1,1,1,1,1,1,1,1,2],"data_offsets":[0,4]}}""", "shape must be an array of at most 8")]
    [InlineData("""{"a":{"dtype":"F16","shape":[2.0],"data_offsets":[0,4]}}""", "shape holds 2.0; allowed are whole numbers")]
    [InlineData("""{"a":{"dtype":"F16","shape":[-2],"data_offsets":[0,4]}}""", "shape holds -2")]
    [InlineData("""{"a":{"dtype":"F16","shape":[9223372036854775808],"data_offsets":[0,4]}}""", "shape holds 9223372036854775808")]
    [InlineData("""{"a":{"dtype":"F16","shape":[[2]],"data_offsets":[0,4]}}""", "depth")]
    [InlineData("""{"a":{"dtype":"F16","shape":[2],"data_offsets":[4]}}""", "data_offsets must be two numbers")]
    [InlineData("""{"a":{"dtype":"F16","shape":[2],"data_offsets":[0,4,4]}}""", "data_offsets must be an array of at most 2")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}""", "data_offsets span 4 bytes, but F32 [2] does not take as many")]
    [InlineData("""{"a":{"dtype":"F16","shape":[4611686018427387904,4,0],"data_offsets":[0,0]}}""", "does not take as many")]
    [InlineData("""{"a":{"dtype":"F16","shape":[2],"data_offsets":[9223372036854775803,9223372036854775807]}}""", "lie beyond any file")]
    [InlineData("""{"a":{"dtype":"F16","shape":[2],"data_offsets":[0,4]},"b":{"dtype":"F16","shape":[1],"data_offsets":[2,4]}}""", "b overlaps the tensor before it")]
    [InlineData("""{"a":{"dtype":"F16","shape":[1],"data_offsets":[2,4]}}""", "2 bytes before a belong to no tensor")]
    [InlineData("""{"a":{"dtype":"F16","shape":[1],"data_offsets":[0,2]}}""", "the last 2 bytes belong to no tensor")]
    [InlineData("""{"a":{"dtype":"F16","shape":[3],"data_offsets":[0,6]}}""", "but the file is")]
    [InlineData("""{"__metadata__":{"a":1}}""", "__metadata__ must be an object whose values are strings")]
    [InlineData("""{"__metadata__":[]}""", "__metadata__ must be an object whose values are strings")]
    [InlineData("""{"\ud800":{"dtype":"F16","shape":[2],"data_offsets":[0,4]}}""", "file: ")]
    [InlineData("""{"a":{"dtype":"\ud800","shape":[2],"data_offsets":[0,4]}}""", "holds text that is not Unicode")]
    public void Parse_HeaderThatBreaksARule_IsRefused(string header, string reason)
    {
        ModelException error = Assert.Throws<ModelException>(() => Parse(header, 4));
        Assert.StartsWith("model/file: ", error.Message, StringComparison.Ordinal);
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_NameThatIsNoUtf8_IsRefused()
    {
        byte[] header = Encoding.Latin1.GetBytes("""{"é":{"dtype":"F16","shape":[2],"data_offsets":[0,4]}}""");
        Assert.Throws<ModelException>(() => SafetensorsHeader.Parse(header, header.Length + 12, "model", "file"));
    }

    [Fact]
    public void Parse_LongNameWithControlCharacters_IsShownAsOneShortLine()
    {
        ModelException error = Assert.Throws<ModelException>(() => Parse($$"""{"a\n\u001b[2J{{new string('x', 5000)}}":3}""", 4));
        Assert.True(error.Message.Length < 250);
        Assert.DoesNotContain(error.Message, char.IsControl);
    }

    [Theory]
    [InlineData(100, 92, true), InlineData(100, 93, false), InlineData(8, 0, true), InlineData(8, 1, false)]
    [InlineData(long.MaxValue, 4 << 20, true), InlineData(long.MaxValue, (4 << 20) + 1, false), InlineData(100, ulong.MaxValue, false)]
    public void CheckLength_OfHeader_MustFitTheFileAndTheLimit(long fileLength, ulong headerLength, bool fits)
    {
        if (fits) Assert.Equal((int)headerLength, SafetensorsHeader.CheckLength(headerLength, fileLength, "model", "file"));
        else Assert.Throws<ModelException>(() => SafetensorsHeader.CheckLength(headerLength, fileLength, "model", "file"));
    }

    private static IReadOnlyList<TensorEntry> Parse(string header, int dataLength)
    {
        byte[] json = Encoding.UTF8.GetBytes(header);
        return SafetensorsHeader.Parse(json, 8 + json.Length + dataLength, "model", "file");
    }
}
