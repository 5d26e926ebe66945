package png

import (
	"fmt"
	"image"
	"strings"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"

	"codebank.dev/dashboards/draw/picture"
)

// fonts are the two weights of text.
type fonts struct {
	regular, bold *opentype.Font
	// faces are the fonts in the sizes that were used.
	faces map[kind]font.Face
}

// kind is a weight and a size.
type kind struct {
	bold bool
	size float64
}

func loadFonts() (fonts, error) {
	regular, err := opentype.Parse(goregular.TTF)
	if err != nil {
		return fonts{}, fmt.Errorf("png: %w", err)
	}
	bold, err := opentype.Parse(gobold.TTF)
	if err != nil {
		return fonts{}, fmt.Errorf("png: %w", err)
	}
	return fonts{regular: regular, bold: bold, faces: map[kind]font.Face{}}, nil
}

// face returns a font in a size, or nil if the font cannot have it.
func (f fonts) face(k kind) font.Face {
	if face, known := f.faces[k]; known {
		return face
	}
	of := f.regular
	if k.bold {
		of = f.bold
	}
	face, err := opentype.NewFace(of, &opentype.FaceOptions{Size: k.size * scale, DPI: 72, Hinting: font.HintingNone})
	if err != nil {
		return nil // Sizes are those of the layout, which every font has.
	}
	f.faces[k] = face
	return face
}

// text paints a text. Its anchor is that of its painted width.
func (c *canvas) text(m picture.Mark) {
	face := c.fonts.face(kind{m.Bold, m.Size})
	if face == nil {
		return
	}
	text := strings.TrimPrefix(m.Text, "✓ ") // The Go fonts have no such sign; the word stays.
	drawer := font.Drawer{Dst: c.image, Src: image.NewUniform(c.colour(m.Paint, m.Opacity)), Face: face}
	width := drawer.MeasureString(text)
	x := fixed.Int26_6(m.X * scale * 64)
	switch m.Anchor {
	case picture.Middle:
		x -= width / 2
	case picture.End:
		x -= width
	}
	drawer.Dot = fixed.Point26_6{X: x, Y: fixed.Int26_6(m.Y * scale * 64)}
	drawer.DrawString(text)
}
