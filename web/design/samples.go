package design

// Samples are the parts of the design system in every state, for the page /design.
type Samples struct {
	Chips    []Chip
	Messages []Message
	Colours  []string
	Sizes    []string
}

// AllSamples returns every part in every state.
func AllSamples() Samples {
	long := "A text that is much longer than the part was made for, with a name such as Armazém Nossa Senhora do Perpétuo Socorro de São José dos Campos"
	return Samples{
		Chips: []Chip{
			{Tone: "good", Word: "Approved"}, {Tone: "bad", Word: "Declined", Reason: "The available limit does not cover this amount."},
			{Tone: "warn", Word: "Held"}, {Tone: "info", Word: "Pending"}, {Tone: "plain", Word: "Refunded"}, {Tone: "good", Word: long},
		},
		Messages: []Message{
			{Tone: "info", Title: "Nothing in this range", Text: "Payments will be here.", Link: "#main", Action: "Show 7 days"},
			{Tone: "bad", Title: "Elasticsearch does not answer", Text: "No figures can be shown. Try again in a moment.", Details: "connection refused",
				Trace: "4bf92f3577b34da6a3ce929d0e0e4736", Link: "#main", Action: "Try again"},
			{Tone: "warn", Title: "One panel is missing", Text: "Elasticsearch refused one query."},
			{Tone: "info", Title: long, Text: long},
		},
		Colours: []string{"surface", "surface-raised", "text", "text-muted", "line", "accent", "good", "bad", "warn", "info"},
		Sizes:   []string{"12", "14", "16", "20", "28", "40"},
	}
}
