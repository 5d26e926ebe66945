package svg_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"codebank.dev/dashboards/catalogue"
	"codebank.dev/dashboards/draw"
	"codebank.dev/dashboards/draw/drawtest"
	"codebank.dev/dashboards/draw/svg"
)

func TestEveryPanelThatIsAPictureIsDrawn(t *testing.T) {
	for _, board := range catalogue.Dashboards() {
		for _, result := range drawtest.Results(board, drawtest.Usual) {
			drawn := svg.Panel(result, svg.Options{Width: 640})
			require.Equal(t, draw.Of(result, draw.Settings{}).Picture(), drawn != nil, result.Panel.ID)
			if drawn != nil {
				require.Contains(t, string(drawn), `role="img"`)
			}
		}
	}
}
