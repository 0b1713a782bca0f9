// The first call from Go: asks for a machine, follows it until it is ready, and deletes it.
package main

import (
	"context"
	"fmt"
	"log"
	"time"

	"google.golang.org/grpc"

	novitai "novitai.dev/proto/novitai/v1"
)

func main() {
	connection, err := grpc.Dial("127.0.0.1:50051", grpc.WithInsecure())
	if err != nil {
		log.Fatal(err)
	}
	defer connection.Close()
	client := novitai.NewInstanceServiceClient(connection)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()

	made, err := client.CreateInstance(ctx, &novitai.CreateInstanceRequest{
		// Keep it, and repeat the call with it as often as you like: one machine.
		RequestId: fmt.Sprintf("first-call-%d", time.Now().UnixNano()),
		Spec:      &novitai.InstanceSpec{Products: []string{"RTX 4090 24GB"}, GpuCount: 1, Image: "alpine"},
	})
	if err != nil {
		log.Fatal(err)
	}
	id := made.Instance.Id
	updates, err := client.WatchInstances(ctx, &novitai.WatchInstancesRequest{Ids: []string{id}})
	if err != nil {
		log.Fatal(err)
	}
	for {
		update, err := updates.Recv()
		if err != nil {
			log.Fatal(err)
		}
		for _, event := range update.Events {
			fmt.Println(event.Instance.State, event.Instance.StateMessage)
			if event.Instance.Readiness == novitai.Readiness_READINESS_READY && event.Instance.DesiredState == novitai.DesiredState_DESIRED_STATE_RUNNING {
				if _, err := client.DeleteInstance(ctx, &novitai.DeleteInstanceRequest{Id: id}); err != nil {
					log.Fatal(err)
				}
			}
			switch event.Instance.State {
			case novitai.InstanceState_INSTANCE_STATE_DELETED, novitai.InstanceState_INSTANCE_STATE_FAILED:
				return
			}
		}
	}
}
