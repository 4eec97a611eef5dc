//! Bytes, sent back.

use tokio::net::{TcpListener, TcpStream};

pub(super) async fn serve(listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(echo(stream));
    }
}

async fn echo(mut stream: TcpStream) {
    let _ = stream.set_nodelay(true);
    let (mut read, mut write) = stream.split();
    // Whichever side breaks off, there is nobody to tell.
    let _ = tokio::io::copy(&mut read, &mut write).await;
}
