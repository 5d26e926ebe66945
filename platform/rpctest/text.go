package rpctest

import (
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// PlantText calls each once for every field of text that a message may have, also in the
// messages within it, whether the field is set or not. changed is a copy of the message whose
// field has the text; path is the field's name as errors have it, for example "merchant.name"
// and "items[0].product". The first element stands for all of a list.
func PlantText(message proto.Message, text string, each func(path string, changed proto.Message)) {
	for _, steps := range textsOf(message.ProtoReflect().Descriptor(), nil) {
		changed := proto.Clone(message)
		each(plant(changed.ProtoReflect(), steps, text), changed)
	}
}

// textsOf returns the ways to all fields of text of a message.
func textsOf(message protoreflect.MessageDescriptor, way []protoreflect.FieldDescriptor) [][]protoreflect.FieldDescriptor {
	var ways [][]protoreflect.FieldDescriptor
	for i := range message.Fields().Len() {
		field := message.Fields().Get(i)
		to := append(way[:len(way):len(way)], field)
		switch field.Kind() {
		case protoreflect.StringKind:
			ways = append(ways, to)
		case protoreflect.MessageKind:
			ways = append(ways, textsOf(field.Message(), to)...)
		}
	}
	return ways
}

// plant sets the field at the end of a way, and returns its path.
func plant(message protoreflect.Message, way []protoreflect.FieldDescriptor, text string) string {
	field, value := way[0], protoreflect.ValueOfString(text)
	path := string(field.Name())
	switch {
	case field.IsList() && len(way) == 1:
		message.Mutable(field).List().Append(value)
		return path + "[0]"
	case field.IsList():
		list := message.Mutable(field).List()
		if list.Len() == 0 {
			list.AppendMutable()
		}
		return fmt.Sprintf("%s[0].%s", path, plant(list.Get(0).Message(), way[1:], text))
	case len(way) == 1:
		message.Set(field, value)
		return path
	}
	return path + "." + plant(message.Mutable(field).Message(), way[1:], text)
}
