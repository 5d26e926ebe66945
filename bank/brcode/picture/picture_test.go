package picture_test

import (
	"bytes"
	"encoding/xml"
	"image"
	"image/color"
	"image/png"
	"io"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"codebank.dev/bank/brcode"
	"codebank.dev/bank/brcode/picture"
	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"
	"github.com/stretchr/testify/require"
)

// texts are codes from the shortest to the longest.
func texts(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, code := range []brcode.Code{
		{Key: "a@b.c", Name: "A", City: "B"},
		{Once: true, Key: "+5581999990000", Name: "Maria Aparecida dos Santo", City: "JABOATAO DOS GU", AmountMinor: 1, TxID: strings.Repeat("t", 25)},
		{Key: strings.Repeat("k", 60) + "@b.c", Description: "Pedido 7", Name: strings.Repeat("N", 25), City: strings.Repeat("C", 15), AmountMinor: brcode.MaxMinor, TxID: strings.Repeat("t", 25), CategoryCode: "5411"},
	} {
		text, err := brcode.Make(&code)
		require.NoError(t, err)
		all = append(all, text)
	}
	return all
}

// read returns the text of a picture, by a reader of somebody else.
func read(t *testing.T, drawn image.Image) string {
	t.Helper()
	bitmap, err := gozxing.NewBinaryBitmapFromImage(drawn)
	require.NoError(t, err)
	result, err := qrcode.NewQRCodeReader().Decode(bitmap, nil)
	require.NoError(t, err)
	return result.GetText()
}

func TestPNGsAreReadBack(t *testing.T) {
	for _, text := range texts(t) {
		for _, pixels := range []int{300, 1024} {
			content, err := picture.PNG(text, pixels)
			require.NoError(t, err)
			drawn, err := png.Decode(bytes.NewReader(content))
			require.NoError(t, err)
			require.LessOrEqual(t, drawn.Bounds().Dx(), pixels)
			require.Greater(t, drawn.Bounds().Dx(), pixels/2)
			require.Equal(t, text, read(t, drawn))
		}
	}
}

func TestAPNGIsNeverSmallerThanItsModulesNorLargerThanTheLimit(t *testing.T) {
	for pixels, least := range map[int]int{-1: 20, 0: 20, 1 << 40: picture.MaxPixels / 2} {
		content, err := picture.PNG("x", pixels)
		require.NoError(t, err)
		config, err := png.DecodeConfig(bytes.NewReader(content))
		require.NoError(t, err)
		require.GreaterOrEqual(t, config.Width, least)
		require.LessOrEqual(t, config.Width, picture.MaxPixels)
	}
}

var (
	viewBox = regexp.MustCompile(`viewBox="0 0 (\d+) (\d+)"`)
	runs    = regexp.MustCompile(`M(\d+) (\d+)h(\d+)v1h-(\d+)z`)
)

func TestSVGsAreReadBack(t *testing.T) {
	for _, text := range texts(t) {
		content, err := picture.SVG(text)
		require.NoError(t, err)
		for decoder := xml.NewDecoder(bytes.NewReader(content)); ; {
			if _, err = decoder.Token(); err != nil {
				require.ErrorIs(t, err, io.EOF)
				break
			}
		}
		require.NotContains(t, string(content), "style")
		require.Equal(t, text, read(t, painted(t, string(content))))
	}
}

// painted draws the rectangles of an SVG, eight pixels for each unit.
func painted(t *testing.T, svg string) image.Image {
	t.Helper()
	const scale = 8
	side := number(t, viewBox.FindStringSubmatch(svg)[1])
	drawn := image.NewGray(image.Rect(0, 0, side*scale, side*scale))
	for i := range drawn.Pix {
		drawn.Pix[i] = 255
	}
	found := runs.FindAllStringSubmatch(svg, -1)
	require.NotEmpty(t, found)
	for _, run := range found {
		x, y, width := number(t, run[1]), number(t, run[2]), number(t, run[3])
		for py := y * scale; py < (y+1)*scale; py++ {
			for px := x * scale; px < (x+width)*scale; px++ {
				drawn.SetGray(px, py, color.Gray{})
			}
		}
	}
	return drawn
}

func number(t *testing.T, text string) int {
	t.Helper()
	value, err := strconv.Atoi(text)
	require.NoError(t, err)
	return value
}

func TestATextThatIsTooLongHasNoPicture(t *testing.T) {
	_, err := picture.SVG(strings.Repeat("x", 3000))
	require.Error(t, err)
	_, err = picture.PNG(strings.Repeat("x", 3000), 300)
	require.Error(t, err)
}
