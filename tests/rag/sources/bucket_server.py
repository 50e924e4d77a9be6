"""An S3 server (moto) that checks signatures, and its keeper (boto3), in an environment of their own.

Run by `tests/rag/sources/bucket.py`. Says one line of JSON, then does what each line of its input asks for, and
answers each with one.
"""

import json
import sys
import urllib.request
from contextlib import redirect_stdout
from typing import Any

import boto3
from moto.server import ThreadedMotoServer

REGION = "eu-west-3"
MAY_READ = ["s3:ListBucket", "s3:GetObject"]


def main() -> None:
    server = ThreadedMotoServer("127.0.0.1", 0)
    with redirect_stdout(sys.stderr):
        server.start()
    port = server.get_host_and_port()[1]
    where = {"endpoint_url": f"http://127.0.0.1:{port}", "region_name": REGION}
    people = boto3.client("iam", **where, aws_access_key_id="x", aws_secret_access_key="x")
    keys = {name: key_of(people, name, may) for name, may in (("reader", MAY_READ), ("nobody", []), ("keeper", ["*"]))}
    signed_from_here = f"http://127.0.0.1:{port}/moto-api/reset-auth"
    plain = {"content-type": "text/plain"}
    urllib.request.urlopen(urllib.request.Request(signed_from_here, b"0", plain), timeout=10).close()
    say(json.dumps({"port": port, **keys}))
    key, secret = keys["keeper"]
    client = boto3.client("s3", **where, aws_access_key_id=key, aws_secret_access_key=secret)
    for line in sys.stdin:
        do(client, **json.loads(line))
        say("done")
    server.stop()


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def key_of(people: Any, name: str, may: list[str]) -> tuple[str, str]:
    """The id and the secret of a new user who may do so much."""
    people.create_user(UserName=name)
    if may:
        rule = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": may, "Resource": "*"}]}
        people.put_user_policy(UserName=name, PolicyName="may", PolicyDocument=json.dumps(rule))
    key = people.create_access_key(UserName=name)["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"]


def do(client: Any, action: str, bucket: str, key: str = "", text: str = "", count: int = 0) -> None:
    """One change, as an operator's own program makes it."""
    if action == "make":
        client.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    elif action == "put":
        client.put_object(Bucket=bucket, Key=key, Body=text.encode())
    elif action == "fill":
        for number in range(count):
            client.put_object(Bucket=bucket, Key=f"{key}{number:05}.txt", Body=f"{text} {number}".encode())
    elif action == "move":
        client.copy_object(Bucket=bucket, Key=text, CopySource={"Bucket": bucket, "Key": key})
        client.delete_object(Bucket=bucket, Key=key)
    else:
        client.delete_object(Bucket=bucket, Key=key)


if __name__ == "__main__":
    main()
