using System.Globalization;
using System.Xml.Linq;

namespace Gemma2.Cli.Planning.Report;

/// <summary>The few elements of SVG that a plot needs.</summary>
internal static class Svg
{
    private static readonly XNamespace Namespace = "http://www.w3.org/2000/svg";

    /// <summary>The whole picture.</summary>
    /// <param name="width">In pixels.</param>
    /// <param name="height">In pixels.</param>
    /// <param name="title">What it is, for who cannot see it.</param>
    /// <param name="description">What it shows.</param>
    /// <param name="children">Its elements.</param>
    public static XElement Picture(int width, int height, string title, string description, params IEnumerable<XElement> children) => Element(
        "svg",
        [("viewBox", $"0 0 {width} {height}"), ("width", $"{width}"), ("height", $"{height}"), ("role", "img"), ("font-family", "sans-serif"), ("font-size", "12")],
        [new XElement(Namespace + "title", Printable(title)), new XElement(Namespace + "desc", Printable(description)), .. children]);

    /// <summary>Elements that are moved down together.</summary>
    public static XElement Group(int y, params IEnumerable<XElement> children) => Element("g", [("transform", $"translate(0,{y})")], children);

    /// <summary>A line.</summary>
    public static XElement Line(string path, string color, double width = 1) =>
        Element("path", [("d", path), ("fill", "none"), ("stroke", color), ("stroke-width", Number(width))]);

    /// <summary>A filled outline.</summary>
    public static XElement Area(string path, string color) => Element("path", [("d", path), ("fill", color)]);

    /// <summary>A filled rectangle.</summary>
    public static XElement Box(int x, int y, int width, int height, string color) =>
        Element("rect", [("x", $"{x}"), ("y", $"{y}"), ("width", $"{width}"), ("height", $"{height}"), ("fill", color)]);

    /// <summary>A text.</summary>
    /// <param name="x">Where it is anchored.</param>
    /// <param name="y">Its base line.</param>
    /// <param name="text">The text.</param>
    /// <param name="anchor">Which of its points is at <paramref name="x"/>: start, middle or end.</param>
    /// <param name="weight">normal or bold.</param>
    public static XElement Text(double x, double y, string text, string anchor = "start", string weight = "normal") => Element(
        "text", [("x", Number(x)), ("y", Number(y)), ("text-anchor", anchor), ("font-weight", weight), ("fill", "#222")], new XText(Printable(text)));

    /// <summary>A coordinate: a tenth of a pixel is enough.</summary>
    public static string Number(double value) => value.ToString("0.#", CultureInfo.InvariantCulture);

    private static XElement Element(string name, (string Name, string Value)[] attributes, params IEnumerable<XNode> children) =>
        new(Namespace + name, attributes.Select(attribute => new XAttribute(attribute.Name, attribute.Value)), children);

    // XML has no place for most control characters, escaped or not.
    private static string Printable(string text) => string.Concat(text.Select(character =>
        char.IsControl(character) || char.IsSurrogate(character) || character >= '\uFFFE' ? '?' : character));
}
