package serve

import (
	"encoding/json"
	"io"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/protobuf/encoding/protojson"
)

// marshaler reads and writes the bodies of the gateway. Fields have the names of protojson,
// and unknown fields are refused.
type marshaler struct{ *runtime.JSONPb }

func newMarshaler() marshaler {
	return marshaler{&runtime.JSONPb{
		MarshalOptions:   protojson.MarshalOptions{EmitDefaultValues: true},
		UnmarshalOptions: protojson.UnmarshalOptions{},
	}}
}

// NewDecoder returns a decoder of a body that is exactly one JSON value. The gateway's own
// decoder stops behind the first value, so a body with more than that would be executed.
// For an empty body it returns io.EOF, which the gateway takes for a message without
// fields.
func (m marshaler) NewDecoder(body io.Reader) runtime.Decoder {
	return runtime.DecoderFunc(func(message any) error {
		text, err := io.ReadAll(body)
		if err != nil {
			return err
		}
		if len(text) == 0 {
			return io.EOF
		}
		var value json.RawMessage
		if err := json.Unmarshal(text, &value); err != nil {
			return err
		}
		return m.Unmarshal(value, message)
	})
}
