const main=document.querySelector("main"),modes=[...document.querySelectorAll("nav button")];
function mode(name){main.dataset.mode=name;for(const one of modes)one.setAttribute("aria-pressed",one.value===name)}
for(const one of modes)one.onclick=()=>mode(one.value);
for(const section of document.querySelectorAll("section")){
  const stage=section.querySelector(".stage"),range=section.querySelector("input"),pair=section.querySelector("select");
  const at=value=>stage.style.setProperty("--at",value+"%");
  if(range)range.oninput=()=>at(range.value);
  stage.onpointermove=event=>{if(main.dataset.mode!=="slider"||!(event.buttons||event.pointerType==="mouse"))return;
    const box=stage.getBoundingClientRect();range.value=100*(event.clientX-box.left)/box.width;at(range.value)};
  const images=[...stage.querySelectorAll("img")];
  function show(){const chosen=pair?+pair.value:1;
    images.forEach((one,number)=>{if(number)one.hidden=main.dataset.mode!=="side"&&number!==chosen})}
  if(pair)pair.onchange=show;
  new MutationObserver(show).observe(main,{attributes:true});show();
}
function go(step){const all=[...document.querySelectorAll("section")],top=all.findIndex(one=>one.getBoundingClientRect().bottom>80);
  const next=all[Math.min(all.length-1,Math.max(0,top+step))];next.scrollIntoView();next.querySelector("input")?.focus({preventScroll:true})}
addEventListener("keydown",event=>{if(event.target.tagName==="SELECT")return;
  const key={1:()=>mode("slider"),2:()=>mode("side"),3:()=>mode("difference"),j:()=>go(1),k:()=>go(-1)}[event.key];if(key)key()});
mode("slider");
