module codebank.dev/gateway

go 1.26.0

require codebank.dev/platform v0.0.0

require github.com/google/uuid v1.6.0 // indirect

replace codebank.dev/native => ../native

replace codebank.dev/platform => ../platform

replace codebank.dev/schemas => ../schemas
