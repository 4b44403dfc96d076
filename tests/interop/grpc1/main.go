// Command grpc1 makes one RPC with gRPC for Go as it was in 2016, and prints what comes.
//
//	grpc1 ADDRESS USER PASSWORD METHOD [REQUEST IN HEX]
//
// Each response is a line in hex; the last line is the status, its code and its text.
package main

import (
	"encoding/hex"
	"fmt"
	"io"
	"log"
	"os"
	"time"

	"golang.org/x/net/context"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// raw passes messages on as they are.
type raw struct{}

func (raw) Marshal(v interface{}) ([]byte, error) { return *v.(*[]byte), nil }
func (raw) Unmarshal(data []byte, v interface{}) error {
	*v.(*[]byte) = append([]byte(nil), data...)
	return nil
}
func (raw) String() string { return "proto" }

func main() {
	log.SetOutput(os.Stderr)
	address, user, password, method := os.Args[1], os.Args[2], os.Args[3], os.Args[4]
	var request []byte
	if len(os.Args) > 5 {
		request, _ = hex.DecodeString(os.Args[5])
	}
	options := []grpc.DialOption{grpc.WithInsecure(), grpc.WithBlock(), grpc.WithTimeout(10 * time.Second), grpc.WithCodec(raw{})}
	connection, err := grpc.Dial(address, options...)
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	ctx = metadata.NewContext(ctx, metadata.Pairs("username", user, "password", password))
	stream, err := grpc.NewClientStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, connection, method)
	if err == nil {
		err = stream.SendMsg(&request)
	}
	if err == nil {
		err = stream.CloseSend()
	}
	for err == nil {
		var response []byte
		if err = stream.RecvMsg(&response); err == nil {
			fmt.Println(hex.EncodeToString(response))
		}
	}
	if err == io.EOF {
		err = nil
	}
	fmt.Println(grpc.Code(err), grpc.ErrorDesc(err))
}
