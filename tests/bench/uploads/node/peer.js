// The peer: @tus/server on @tus/s3-store, as its README sets it up.  node peer.js '{"port": …}'
import { S3Store } from '@tus/s3-store'
import { Server } from '@tus/server'

const { port, endpoint, bucket, accessKeyId, secretAccessKey } = JSON.parse(process.argv[2])

const datastore = new S3Store({
  partSize: 8 * 1024 * 1024,
  s3ClientConfig: {
    bucket,
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId, secretAccessKey },
  },
})
new Server({ path: '/api/uploads', datastore }).listen({ host: '127.0.0.1', port })
