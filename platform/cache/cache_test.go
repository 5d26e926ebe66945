package cache_test

import (
	"testing"

	"codebank.dev/platform/cache"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestWhatIsInUseStaysAndTheRestGoes(t *testing.T) {
	m := cache.New[int, string](10)
	m.Put(0, "in use")
	for i := 1; i < 100; i++ {
		m.Put(i, "once")
		value, ok := m.Get(0)
		require.True(t, ok)
		require.Equal(t, "in use", value)
	}
	kept := 0
	for i := range 100 {
		if _, ok := m.Get(i); ok {
			kept++
		}
	}
	require.LessOrEqual(t, kept, 20)
	_, ok := m.Get(1)
	require.False(t, ok)
}

func TestAMapNeverAnswersWhatWasReplacedOrDropped(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := cache.New[int, int](rapid.IntRange(1, 5).Draw(t, "size"))
		model := map[int]int{}
		for range 200 {
			key := rapid.IntRange(0, 9).Draw(t, "key")
			switch rapid.IntRange(0, 9).Draw(t, "step") {
			case 0:
				m.Delete(key)
				delete(model, key)
			case 1:
				m.Clear()
				clear(model)
			case 2, 3, 4, 5:
				value := rapid.Int().Draw(t, "value")
				m.Put(key, value)
				model[key] = value
			default:
				if value, ok := m.Get(key); ok {
					require.Equal(t, model[key], value)
					require.Contains(t, model, key)
				}
			}
		}
	})
}
