module ganymede/interop/grpc1

go 1.21

require (
	golang.org/x/net v0.30.0
	google.golang.org/grpc v1.0.5
)

require (
	github.com/golang/protobuf v1.5.4 // indirect
	golang.org/x/text v0.19.0 // indirect
	google.golang.org/protobuf v1.33.0 // indirect
)
